"""The allocator is told where there is one to tell, and can be left alone."""

import platform
import subprocess
import sys
from types import SimpleNamespace

import pytest

from genrebench.system.memory import SWITCH, available_memory, keep_freed_memory, require_memory

# Page faults while arrays of 64 MiB come and go.
FAULTS = """
import resource, numpy as np
from genrebench.system.memory import keep_freed_memory
keep_freed_memory()
np.ones(2**23)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    np.ones(2**23)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(monkeypatch: pytest.MonkeyPatch, switch: str) -> int:
    """Count page faults in a process of its own."""
    monkeypatch.setenv(SWITCH, switch)
    return int(subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_freed_memory_is_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a page fault, unless the switch says no: then every page of 4 KiB (or a huge one) is paged in again."""
    assert faults(monkeypatch, "1") < 5
    assert faults(monkeypatch, "0") >= 5 * 32


@pytest.mark.parametrize(("largest", "asked"), [(2**30, 3), (2**25, 4), (2**20, 2)])
def test_what_an_older_glibc_refuses_is_not_insisted_on(
    largest: int, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A smaller threshold is tried; if that is refused, too, nothing else is set, which alone would do harm."""
    calls: list[tuple[int, int]] = []

    def mallopt(parameter: int, value: int) -> int:
        """Refuse thresholds above the largest."""
        calls.append((parameter, value))
        return int(parameter != -3 or value <= largest)

    monkeypatch.delenv(SWITCH, raising=False)
    monkeypatch.setattr("genrebench.system.memory.platform.libc_ver", lambda: ("glibc", "2.31"))
    monkeypatch.setattr("genrebench.system.memory.ctypes.CDLL", lambda name: SimpleNamespace(mallopt=mallopt))
    assert keep_freed_memory.__wrapped__() is (largest >= 2**25)
    assert len(calls) == asked
    assert all(parameter == -3 for parameter, _ in calls[: asked - 2 * (largest >= 2**25)])


def test_elsewhere_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other C libraries are left alone."""
    monkeypatch.setattr("genrebench.system.memory.platform.libc_ver", lambda: ("", ""))
    monkeypatch.setattr("genrebench.system.memory.ctypes.CDLL", lambda name: pytest.fail("looked for mallopt"))
    assert keep_freed_memory.__wrapped__() is False


def test_what_does_not_fit_is_refused_before_it_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    """By what is free, not by what there is; small things are not asked about."""
    monkeypatch.setattr("genrebench.system.memory.available_memory", lambda: 2**30)
    require_memory(2**30)
    with pytest.raises(MemoryError, match=r"1\.5 GiB are needed, 1\.0 GiB are free"):
        require_memory(3 * 2**29)
    monkeypatch.setattr("genrebench.system.memory.available_memory", lambda: 0)
    require_memory(2**20)
    monkeypatch.setattr("genrebench.system.memory.available_memory", lambda: None)
    require_memory(2**60)


@pytest.mark.skipif(platform.system() != "Linux", reason="asks Linux")
def test_a_limit_of_the_process_counts() -> None:
    """As `ulimit -v` sets it, in a process of its own."""
    assert (available_memory() or 0) > 2**20
    code = (
        "import resource; from genrebench.system.memory import available_memory; "
        "resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31)); print(available_memory())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 0 < int(done.stdout) < 2**31
