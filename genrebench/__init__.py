"""Classify music by genre from Mel spectrograms with one network that several frameworks build.

The modules are the public surface; importing this package imports none of them, so that the command line
starts at once and the core never needs a deep learning framework.
"""

__version__ = "0.1.0"
