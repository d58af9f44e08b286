"""The PyTorch backend of genrebench."""
