"""The C library's allocator, told to keep what it is given back."""

import ctypes
import functools
import os
import platform
import sys
from pathlib import Path

# Parameters of mallopt(3), from glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
_GIB = 2**30
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
    try:  # Linux; getrusage() there counts what the parent had when it started this process, too
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        pass
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
