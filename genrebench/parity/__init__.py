"""The proof that backends build the same network, or the first layer where they do not, and why."""
