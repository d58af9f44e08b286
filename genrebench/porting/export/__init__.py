"""A trained model for other programs: one file per format, each checked before it is in its place."""
