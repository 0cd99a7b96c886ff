"""What a request says of the cache (`Cache-Control`, RFC 9111), and its answer (`Cache-Status`, RFC 9211). Pure."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache

NAME = "jitney"
MAX_AGE = re.compile(r'max-age="?([0-9]{1,9})"?')


@dataclass(frozen=True, slots=True, kw_only=True)
class Directives:
    """What a client wants."""

    reads: bool = True
    writes: bool = True
    most_age: float = math.inf  # seconds
    only_if_cached: bool = False  # nothing is computed


ANY = Directives()


def directives(header: bytes | None) -> Directives:
    """What is not known is passed over, as the RFC says."""
    if header is None:
        return ANY
    words = [word.strip().lower() for word in header.decode("latin-1").split(",")]
    ages = [float(found[1]) for word in words if (found := MAX_AGE.fullmatch(word))]
    stores, age = "no-store" not in words, min(ages, default=math.inf)
    reads = stores and "no-cache" not in words and age > 0
    return Directives(reads=reads, writes=stores, most_age=age, only_if_cached="only-if-cached" in words)


@dataclass(slots=True)
class Told:
    """How a request's records were answered, counted."""

    hits: int = 0
    misses: int = 0
    joined: int = 0
    bypassed: int = 0
    stored: int = 0
    aged: int = 0  # misses whose answer was there, and older than wanted
    ttl: float = math.inf  # seconds, of the hit that ends first

    def status(self, wanted: Directives) -> bytes:
        """As the header has it; empty where there was nothing to look for."""
        records = self.hits + self.misses + self.joined + self.bypassed
        if not records:
            return b""
        if self.hits == records:
            return f"{NAME}; hit; ttl={max(0, int(self.ttl))}".encode("ascii")
        return _words(self._forwarded(wanted), self.stored > 0, self.joined > 0, self.hits, records)

    def _forwarded(self, wanted: Directives) -> str:
        """Why something was computed."""
        if not wanted.writes:
            return "bypass"
        if not wanted.reads or self.aged:
            return "request"
        return "partial" if self.hits else "miss"


@lru_cache(1024)  # which are nearly always the same few
def _words(forwarded: str, is_stored: bool, is_collapsed: bool, hits: int, records: int) -> bytes:
    words = [NAME, f"fwd={forwarded}"] + ["stored"] * is_stored + ["collapsed"] * is_collapsed
    return "; ".join([*words, f'detail="{hits}/{records}"'] if records > 1 else words).encode("ascii")
