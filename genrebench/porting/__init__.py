"""Other people's networks moved to PyTorch: definitions in NumPy, source, proof."""
