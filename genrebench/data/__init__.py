"""From recordings to a tree of spectrograms, and from the tree to arrays."""
