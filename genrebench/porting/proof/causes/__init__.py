"""What usually goes wrong in a port of a Keras network: hypotheses that are run, a family of layers in each file."""
