"""The protocol between the core and the frameworks, and how installed backends are found and run."""
