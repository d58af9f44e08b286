"""``genrebench check``: a line per check as it ends, and what the status says."""

import re
from pathlib import Path

import pytest

from tests.cli.commands import refused, run
from tests.plugins import use_plugins, write_plugin

# Its logits are off by a thousandth, and one layer kind is not there.
WRONG = """
from dataclasses import replace
from genrebench.backend.numpy_reference import INFO as NUMPY
from genrebench.backend.numpy_reference import NumpyBackend
INFO = replace(NUMPY, name="wrong", implementation="wrong:Wrong")
class Wrong:
    @staticmethod
    def build(architecture, weights, **options):
        return NumpyBackend.build(architecture, {name: 1.001 * value for name, value in weights.items()}, **options)
"""


def test_a_backend_is_checked() -> None:
    """First what it runs on, then a line per check, then a summary."""
    result = run("check", "numpy")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert re.match(r"backend numpy: python \S+, platform .*, numpy \d", lines[0])
    assert all(re.match(r"  \S+ +(passed|skipped)", line) for line in lines[1:-1])
    assert re.search(r"^  logits +passed$", result.stdout, re.MULTILINE)
    ran = sum("passed" in line for line in lines[1:-1])
    assert re.match(rf"{ran} ran: {ran} passed, 0 failed, \d skipped; \d+\.\d s$", lines[-1])


def test_one_check_alone_is_run_if_that_is_asked() -> None:
    """Nothing is missed that was not to run."""
    result = run("check", "numpy", "--only", "logits", "--only", "info")
    assert result.exit_code == 0, result.output
    assert [line.split()[0] for line in result.stdout.splitlines()[1:-1]] == ["info", "logits"]
    assert "2 ran: 2 passed" in result.stdout


def test_a_finding_is_status_1_and_a_kit_that_cannot_run_2() -> None:
    """The same as for parity; the names of checks are those that there are."""
    refused(run("check", "numpy", "--only", "adam", "--expect", "adam=no idea"), "numpy does not conform: adam$")
    refused(run("check", "numpy", "--expect", "adam"), "adam: expected a failure with a reason", status=2)
    refused(run("check", "numpy", "--only", "taste"), "expected one of the checks info, .*'taste'", status=2)
    refused(run("check", "caffe"), "expected one of the installed backends .*numpy.*'caffe'", status=2)
    refused(run("check", "numpy", "--python", "/nowhere/python"), "expected a Python interpreter", status=2)


def test_a_failure_keeps_its_traceback_for_debug(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shown if it is asked for, and only then."""
    write_plugin(tmp_path, "wrong", {"wrong": "wrong:INFO"}, {"wrong": WRONG})
    use_plugins(monkeypatch, tmp_path)
    refused(run("check", "wrong", "--only", "logits"), "backend wrong does not conform: logits$")
    result = run("--debug", "check", "wrong", "--only", "logits")
    assert result.exit_code == 1
    assert "Traceback (most recent call last)" in result.stderr
    assert "CheckFailure" in result.stderr
    assert re.search(r"^  logits +failed ", result.stdout, re.MULTILINE)
