"""Gives memory that was freed back to the operating system.

The C library keeps what loading and computing have freed, in pieces too small to be found again: a
server that reloads a model of 1 MB a hundred times grows by 150 MB. TensorFlow Serving asks its
allocator for the same after it unloads a model.
"""

from __future__ import annotations

import ctypes


def give_back_freed() -> None:
    """Returns freed memory to the system, where the C library can (glibc); takes milliseconds.

    Other threads run meanwhile.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
