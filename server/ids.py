"""Random ids, cheaply: the system is asked for many at once."""

from __future__ import annotations

import os

AT_ONCE = 256


class Ids:
    """Hexadecimal ids of `width` digits. Random ones: they are seen outside, and other front ends make them too."""

    def __init__(self, width: int = 32) -> None:
        self._width = width
        self._ready: list[str] = []

    def take(self) -> str:
        """An id that nobody has."""
        if not self._ready:
            digits = os.urandom(AT_ONCE * self._width // 2).hex()
            self._ready = [digits[at : at + self._width] for at in range(0, len(digits), self._width)]
        return self._ready.pop()
