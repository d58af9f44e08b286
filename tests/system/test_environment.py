"""What software and which machine a result was made with."""

import platform
from pathlib import Path

import numpy as np
import pytest

from genrebench.system.environment import gpus, installed_version, memory_bytes, processor, versions
from genrebench.system.process import ProcessResult


def test_versions_are_those_of_installed_distributions() -> None:
    """Python and platform first; what is not installed is left out."""
    found = versions(("numpy", "no-such-distribution"))
    assert list(found) == ["python", "platform", "numpy"]
    assert (found["python"], found["numpy"]) == (platform.python_version(), np.__version__)
    assert installed_version("no-such-distribution") is None


def test_the_machine_has_a_processor_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system says so; where it does not, the architecture, and no number."""
    assert processor()
    assert (memory_bytes() or 2**40) > 2**28

    def absent(*arguments: object, **options: object) -> None:
        """Be no file and no number."""
        raise OSError

    monkeypatch.setattr(Path, "read_text", absent)
    assert processor() in {platform.processor(), platform.machine()}
    monkeypatch.setattr("os.sysconf", absent)
    assert memory_bytes() is None


def test_gpus_are_those_of_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver names them; without a driver there are none."""
    done = ProcessResult(0, 0.1, 0, "A GPU\nAnother\n", "")
    monkeypatch.setattr("genrebench.system.environment.run_process", lambda *_, **__: done)
    assert gpus() == ["A GPU", "Another"]

    def absent(*arguments: object, **options: object) -> None:
        """Be no program."""
        raise FileNotFoundError

    monkeypatch.setattr("genrebench.system.environment.run_process", absent)
    assert gpus() == []
