"""How the memory that a picture took while it was decoded comes back."""

from __future__ import annotations

import ctypes
from contextlib import suppress

M_MMAP_THRESHOLD = -3  # glibc's number for it
LARGE = 4 << 20  # bytes, which a million pixels take


def return_large_blocks() -> None:
    """Have every large block go back to the system as soon as it is free, in the whole process.

    Else glibc takes the first one that is freed for a sign that more will follow, and keeps them for the thread that
    had them: 100 to 200 MB more than the pictures need that are being decoded.
    """
    with suppress(OSError, AttributeError):  # other systems have no such call
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, LARGE)
