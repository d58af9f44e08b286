"""What a network is: architecture, layers with their definitions, weights, numerics."""
