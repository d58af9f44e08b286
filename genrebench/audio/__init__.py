"""From recordings to Mel spectrograms, and synthetic music to try it on."""
