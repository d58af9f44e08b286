"""Run the command line, as ``genrebench`` or as ``python -m genrebench``."""

import os
import sys
from typing import Any


def main() -> Any:
    """Prepare the process for the command line, and run it.

    Returns
    -------
    object
        Nothing: the exit status is raised.
    """
    # ``python -m`` puts the current folder first on the path, where a file that happens to be called numpy.py would be
    # taken for NumPy. Processes that are started from here are not given it either, whoever starts them.
    try:
        here = os.getcwd()  # noqa: PTH109 - as Python itself looks it up
    except OSError:  # the folder is gone
        here = ""
    if not sys.flags.safe_path and sys.path and sys.path[0] in ("", here):
        del sys.path[0]
    os.environ["PYTHONSAFEPATH"] = "1"

    # A stream that was closed (``2>&-``) would give its number to the first file that is opened, and what libraries
    # print would be in that file.
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # processes expect them, too

    from genrebench.system.interrupts import end_at_once_when_interrupted

    end_at_once_when_interrupted()  # until a command has something to lose
    from genrebench.cli.main import main as run

    return run()


if __name__ == "__main__":
    main()
