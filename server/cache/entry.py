"""An answer as the cache keeps it, and the bytes in which it lies on a server that others may write to. Pure."""

from __future__ import annotations

from hashlib import blake2b
from hmac import compare_digest
from typing import Any

import msgspec
from msgspec import Struct

from server.errors import Problem

SEAL = 16  # bytes at the beginning of what lies on a server
OVERHEAD = 400  # bytes that an entry takes besides its fields: measured, rounded up
LOOSENESS = 16  # bytes of memory that a byte of a packed problem takes: many small strings
PURPOSE = b"jitney-sealed"


class Told(Struct, frozen=True, array_like=True):
    """A problem."""

    code: str
    detail: str
    extra: dict[str, Any] = {}


class Entry(Struct, frozen=True, array_like=True, gc=False):
    """One record's answer: its fields, or the problem that every such input has."""

    fields: bytes  # JSON, so they are written the same again
    cost: int  # tokens, of all its jobs
    made: float  # seconds since 1970
    ends: float  # the same
    told: Told | None = None

    @property
    def size(self) -> int:
        """About its bytes in memory."""
        return OVERHEAD + len(self.fields) + (0 if self.told is None else LOOSENESS * len(_encode(self.told)))

    @property
    def problem(self) -> Problem | None:
        """A new one each time: it is raised, and keeps a traceback."""
        told = self.told
        return None if told is None else Problem(told.code, told.detail, **told.extra)


def entry_of_problem(problem: Problem, made: float, ends: float) -> Entry:
    return Entry(b"", 0, made, ends, Told(problem.code, problem.detail, problem.extra))


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Entry).decode


class Sealed:
    """Entries ⇄ bytes with a keyed hash of them and of their name before them: what somebody has changed on the way, or
    put under another name, is no entry."""

    def __init__(self, secret: bytes) -> None:
        self._key = blake2b(secret, digest_size=64).digest()

    def close(self, digest: bytes, entry: Entry) -> bytes:
        data = _encode(entry)
        return self._seal(digest, data) + data

    def open(self, digest: bytes, data: bytes) -> Entry | None:
        """None for what is none of ours."""
        seal, rest = data[:SEAL], data[SEAL:]
        if not compare_digest(seal, self._seal(digest, rest)):
            return None
        try:
            return _decode(rest)
        except ValueError:  # of another release
            return None

    def _seal(self, digest: bytes, data: bytes) -> bytes:
        return blake2b(digest + data, key=self._key, digest_size=SEAL, person=PURPOSE).digest()
