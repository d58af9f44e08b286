"""What people read of a parity run: a terminal, Markdown, one HTML page; all from the report alone."""
