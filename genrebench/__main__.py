"""Run the command line as ``python -m genrebench``."""

from genrebench.cli.main import main

main()
