"""What software a result was made with."""

import os
import platform
import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from genrebench.system.process import run_process


def versions(distributions: Iterable[str]) -> dict[str, str]:
    """Look up installed versions without importing anything.

    Returns
    -------
    dict of str to str
        Version by name, those that are not installed left out; ``python`` and ``platform`` come first.
    """
    found = {"python": platform.python_version(), "platform": f"{platform.system()} {platform.machine()}"}
    for name in distributions:
        version = installed_version(name)
        if version is not None:
            found[name] = version
    return found


def installed_version(distribution: str) -> str | None:
    """Look up one installed version without importing anything.

    Returns
    -------
    str or None
        The version, None if it is not installed.
    """
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def processor() -> str:
    """Name the processor.

    Returns
    -------
    str
        Its model, or what the system says of it.
    """
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def memory_bytes() -> int | None:
    """Measure the machine's memory.

    Returns
    -------
    int or None
        Bytes; None where the system does not say.
    """
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def gpus() -> list[str]:
    """Name the GPUs that NVIDIA's driver knows, without importing a framework.

    Returns
    -------
    list of str
        Their names; empty where there is no such driver.
    """
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        done = run_process(command, timeout=30)
    except OSError:
        return []
    return [] if done.failure else done.stdout.splitlines()


def absent_devices() -> frozenset[str]:
    """Name the kinds of devices that are known and not there, without importing a framework."""
    has_metal = sys.platform == "darwin" and platform.machine() == "arm64"
    return frozenset({"cuda"} if not gpus() else ()) | frozenset({"mps"} if not has_metal else ())
