"""``genrebench backends``: the table of what is installed."""

import re

from tests.cli.commands import run


def test_backends_are_listed_with_what_they_can() -> None:
    """The reference is always there and ready, and does not train."""
    result = run("backends")
    assert result.exit_code == 0
    assert result.stdout.split()[:5] == ["Backend", "Framework", "On", "Devices", "Trains"]
    assert re.search(r"^numpy +numpy \d\S* +cpu +no +ready *$", result.stdout, re.MULTILINE)
    assert re.search(r"^torch +torch .*cpu.* yes ", result.stdout, re.MULTILINE)
