"""The proof that a network that was written computes what somebody's Keras model does."""

# The table of definitions is filled by this import, which `passes` takes for granted.
from genrebench.porting import definitions as definitions
