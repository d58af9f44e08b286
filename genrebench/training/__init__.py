"""Training runs: configuration, loop, log and checkpoints."""
