"""Parity: proof that the networks of several backends are the same, or the first layer where they are not."""
