"""The NumPy backend of genrebench: each layer, its gradient and Adam by definition, to judge the frameworks by."""
