"""What stands for an input that is not kept. Equal ones are found by it; without the secret nobody can try words."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

SECRET = "JITNEY_HASH_SECRET"
SHORTEST = 16  # characters
REMEDY = f"set {SECRET} to what `openssl rand -hex 32` prints, the same for all front ends"


def hash_secret_from(environ: Mapping[str, str]) -> bytes | None:
    """The key of all hashes of inputs, in cache and history; None where none is set. Raises `ValueError`, which does
    not show it."""
    text = environ.get(SECRET, "")
    if not text:
        return None
    if len(text) < SHORTEST:
        raise ValueError(f"{SECRET} is shorter than {SHORTEST} characters: {REMEDY}")
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()


def input_hash(secret: bytes, input: bytes | str) -> bytes:
    """16 bytes, of a text as of its UTF-8. `secret`: as `hash_secret_from` gives it."""
    data = input.encode("utf-8", "surrogatepass") if isinstance(input, str) else input
    return hashlib.blake2b(data, key=secret, digest_size=16, person=b"jitney-history").digest()
