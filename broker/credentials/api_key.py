"""An API key: `jit_<id>_<secret><checksum>`. Pure.

By its prefix scanners find one that has leaked, and by its checksum a typing error costs no look-up. The secret has 190
bits of chance, so its SHA-256 is kept: a slow hash guards words that people choose.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
import zlib
from dataclasses import dataclass, field

PREFIX = "jit_"
ID_LETTERS = string.ascii_lowercase + "234567"
LETTERS = string.digits + string.ascii_uppercase + string.ascii_lowercase
ID, SECRET, CHECKSUM = 12, 32, 6  # letters
ID_SHAPE = rf"[{ID_LETTERS}]{{{ID}}}"
SHAPE = re.compile(rf"({PREFIX}({ID_SHAPE})_([0-9A-Za-z]{{{SECRET}}}))([0-9A-Za-z]{{{CHECKSUM}}})")
NOBODYS = hashlib.sha256().hexdigest()  # compared with for an id that nobody has, so that it takes as long


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key that is spelled as one; whether it is anybody's is not known by that."""

    id: str  # names its holder in logs and metrics
    secret: str = field(repr=False)

    def __str__(self) -> str:
        return f"{PREFIX}{self.id}_…"

    @property
    def hash(self) -> str:
        """What is kept of the secret."""
        return hashlib.sha256(self.secret.encode("ascii")).hexdigest()

    @property
    def text(self) -> str:
        """As clients send it."""
        said = f"{PREFIX}{self.id}_{self.secret}"
        return said + _checksum(said)


def new_key(id: str = "") -> ApiKey:
    """One of chance; with an id, another secret for whom that names."""
    return ApiKey(id or _chosen(ID_LETTERS, ID), _chosen(LETTERS, SECRET))


def parse_key(text: str) -> ApiKey | None:
    """None for what is none, and for a typing error."""
    read = SHAPE.fullmatch(text)
    return ApiKey(read[2], read[3]) if read and _checksum(read[1]) == read[4] else None


def is_same(one: str, other: str) -> bool:
    """Of two hashes, in a time that tells nothing of where they differ."""
    return hmac.compare_digest(one, other)


def _chosen(letters: str, count: int) -> str:
    return "".join(secrets.choice(letters) for _ in range(count))


def _checksum(said: str) -> str:
    left, found = zlib.crc32(said.encode("ascii")), ""
    for _ in range(CHECKSUM):
        left, at = divmod(left, len(LETTERS))
        found = LETTERS[at] + found
    return found
