"""``genrebench check``: a line per check, and what the status says."""

import re

from tests.cli.commands import refused, run


def test_a_backend_is_checked() -> None:
    """A line per check and a summary; status 1 where the kit finds a fault, 2 where it cannot run."""
    result = run("check", "numpy")
    assert result.exit_code == 0, result.output
    assert re.search(r"^  logits +passed$", result.stdout, re.MULTILINE)
    assert re.search(r"^16 ran: 16 passed, 0 failed, 1 skipped; ", result.stdout.splitlines()[-1])
    refused(run("check", "numpy", "--expect", "adam=no idea"), "backend numpy does not conform: adam$")
    refused(run("check", "numpy", "--expect", "adam"), "with a reason", status=2)
    refused(run("check", "caffe"), "expected one of the installed backends", status=2)
    refused(run("check", "numpy", "--python", "/nowhere/python"), "expected a Python interpreter", status=2)
