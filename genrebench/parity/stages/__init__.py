"""The stages of the report, each with its gate.

Every stage walks the architecture's layer list; layers are known by kind, never by name or size.
"""
