"""How much memory there is, was used, and is kept: by the C library's allocator, which is told to."""

import ctypes
import functools
import os
import platform
import sys
from pathlib import Path

# Parameters of mallopt(3), from glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
_GIB = 2**30
# Whoever has less free is not asked.
_ALWAYS_THERE = 64 * 2**20
# glibc before 2.35 refuses more than half a heap's 64 MiB for arrays that are not mapped on their own.
_MMAP_THRESHOLDS = (_GIB, 32 * 2**20)
# Set to 0 to leave the allocator alone.
SWITCH = "GENREBENCH_KEEP_MEMORY"


@functools.cache
def keep_freed_memory() -> bool:
    """Have glibc keep freed memory for the next array instead of giving it back to the kernel.

    By default every large array is mapped anew and paged in, page by page: for the outputs of a network's first layers
    that takes about as long as their arithmetic, for spectra a quarter of it. Memory already in use is not touched, so
    this works at any time, but best before the first large array. The commands of genrebench do it for themselves; the
    library leaves the choice to the program, since it is about the whole process.

    Returns
    -------
    bool
        Whether it was done: not elsewhere than on glibc, nor with ``GENREBENCH_KEEP_MEMORY=0``.

    Examples
    --------
    >>> import genrebench as gb
    >>> gb.keep_freed_memory() in (True, False)
    True
    """
    if platform.libc_ver()[0] != "glibc" or os.environ.get(SWITCH) == "0":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    # The others alone would do harm: any of them ends glibc's own adjustment of the first.
    if not any(mallopt(_M_MMAP_THRESHOLD, size) for size in _MMAP_THRESHOLDS):
        return False
    return all([mallopt(_M_TRIM_THRESHOLD, 2 * _GIB - 1), mallopt(_M_TOP_PAD, _GIB // 4)])


def peak_memory_bytes() -> int | None:
    """Measure the most memory that this process has had.

    Returns
    -------
    int or None
        Largest resident size in bytes; None where the system does not tell.
    """
    found = _linux_says("self/status", "VmHWM:")  # getrusage() counts what the parent had when it started this, too
    if found is not None:
        return found
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def available_memory() -> int | None:
    """Measure the memory that this process can still have, by what the machine, its container and its limits leave.

    Returns
    -------
    int or None
        Bytes; None where the system does not tell.
    """
    machine = _linux_says("meminfo", "MemAvailable:")  # what could be given away without swapping
    found = [machine, _container_leaves(), _limit_leaves()]
    return min((each for each in found if each is not None), default=None)


def require_memory(size: int) -> None:
    """Refuse to begin what needs more memory than there is: a system that runs out of it kills what it likes.

    Parameters
    ----------
    size : int
        Bytes that are about to be used.

    Raises
    ------
    MemoryError
        If there are not so many; the message says both.
    """
    if size <= _ALWAYS_THERE:
        return
    available = available_memory()
    if available is not None and size > available:
        raise MemoryError(f"{size / _GIB:,.1f} GiB are needed, {available / _GIB:,.1f} GiB are free")


def _linux_says(file: str, name: str) -> int | None:
    """Read a size in a file of /proc, in bytes; None where there is none."""
    try:
        lines = (Path("/proc") / file).read_text(encoding="utf-8").splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name))
    except (OSError, StopIteration):
        return None


def _container_leaves() -> int | None:
    """Read what the control group (version 2, or 1) leaves; what it keeps of files does not count as used."""
    for folder, limit, used in (
        (Path("/sys/fs/cgroup"), "memory.max", "memory.current"),
        (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        try:
            lines = (folder / "memory.stat").read_text(encoding="utf-8").splitlines()
            cached = next((int(line.split()[1]) for line in lines if line.startswith("inactive_file ")), 0)
            return int((folder / limit).read_text()) - int((folder / used).read_text()) + cached
        except (OSError, ValueError):  # no such group, or the word max
            continue
    return None


def _limit_leaves() -> int | None:
    """Read what the limit of the address space leaves (``ulimit -v``)."""
    try:
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0])
    except (ImportError, OSError, ValueError):
        return None
    return None if limit == resource.RLIM_INFINITY else max(0, limit - pages * resource.getpagesize())
