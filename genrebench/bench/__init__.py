"""How fast genrebench is, side by side with plain ways of doing the same and with what the machine allows."""
