"""Somebody's own PyTorch port held against the Keras model: which module is which layer, and where the two part."""

# The table of definitions is filled by this import, which `passes` takes for granted.
from genrebench.porting import definitions as definitions
