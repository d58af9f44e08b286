"""Run the command line as ``python -m genrebench``."""

from genrebench.cli import main

main()
