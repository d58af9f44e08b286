"""Reports: a document is made once, and shown in a terminal, as Markdown, or as an HTML page."""
