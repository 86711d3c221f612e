"""Memory that is given back is kept at hand, instead of asked of the system again for each layer.

glibc maps every block above 32 MB anew and unmaps it when it is freed. The maps of a network are
such blocks: a tomogram's prediction gets and returns some hundred gigabytes, and the system clears
every page of them. On a processor with AMX that was a third of the network's time (3.5 s instead
of 5.1 s for a tomogram of the CZII challenge).
"""

from __future__ import annotations

import ctypes
import os
import sys

# Of glibc's malloc.h.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4

_KEPT = 1 << 31  # bytes, less one: what lies free at the end beyond it goes back to the system
_STEP = 1 << 26  # bytes that are asked for beyond what is needed


def keep_freed_memory() -> bool:
    """Have this process keep up to 2 GiB that it has freed, and map no block of its own.

    Choose it once, at the start of a program that runs networks on a processor; the command line
    does. Where the allocator is not glibc's (macOS, Windows, musl), or the environment tunes it
    already (``MALLOC_...``, ``GLIBC_TUNABLES``), nothing is changed.

    Returns
    -------
    bool
        Whether it was done.
    """
    tuned = any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ)
    if not sys.platform.startswith("linux") or tuned:
        return False
    try:
        library = ctypes.CDLL(None)
        library.gnu_get_libc_version  # noqa: B018 - raises where it is not glibc
        options = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, _KEPT - 1), (_TOP_PAD, _STEP))
        return all(library.mallopt(option, value) for option, value in options)
    except (OSError, AttributeError):
        return False
