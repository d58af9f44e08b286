"""The C library's allocator, told to keep what it is given back."""

import ctypes
import os
import platform

# Parameters of mallopt(3), from glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
_GIB = 2**30
# Set to 0 to leave the allocator alone.
SWITCH = "GENREBENCH_KEEP_MEMORY"


def keep_freed_memory() -> bool:
    """Have glibc keep freed memory for the next tensor instead of giving it back to the kernel.

    The outputs of the first layers are large, so that by default each of them is mapped anew and paged in, page by
    page, in every step; that takes about as long as the arithmetic. Memory already in use is not touched, so this works
    at any time, but best before the first large tensor. Elsewhere than on glibc nothing is done.

    Returns
    -------
    bool
        Whether the allocator was told.
    """
    if platform.libc_ver()[0] != "glibc" or os.environ.get(SWITCH) == "0":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    settings = ((_M_MMAP_THRESHOLD, _GIB), (_M_TRIM_THRESHOLD, 2 * _GIB - 1), (_M_TOP_PAD, _GIB // 4))
    told = [mallopt(parameter, value) for parameter, value in settings]
    return all(told)
