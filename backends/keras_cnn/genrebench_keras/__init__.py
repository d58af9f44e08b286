"""The Keras backends of genrebench: one plugin, three engines."""
