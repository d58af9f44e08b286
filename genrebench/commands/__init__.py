"""Commands with a module of their own; `genrebench.cli` adds them to the command line."""
