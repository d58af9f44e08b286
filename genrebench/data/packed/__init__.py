"""A packed copy of a spectrogram tree: plain ``.npy`` files that are memory-mapped, beside the tree or anywhere."""
