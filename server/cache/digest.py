"""What names an answer in the cache: a keyed hash of all that it depends on. Pure.

BLAKE2b with a key (RFC 7693): short texts could be found from a bare hash by trying many.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from broker.common.version import jitney_version
from broker.messages import ModelCard
from server.codecs.contract import Input
from server.errors import Problem

SIZE = 16  # bytes: whoever does not know the key finds no two inputs alike
PURPOSE = b"jitney-cache"
RELEASE = jitney_version()
_canonical = msgspec.msgpack.Encoder(order="deterministic").encode


class Digests:
    """Of one deployment, whose front ends share the secret. What computes an answer is all in the key: the model with
    its revision, its task, this release, whose codec it is, the options as they were sent, and the exact input."""

    def __init__(self, secret: bytes) -> None:
        self._key = blake2b(secret, digest_size=64).digest()

    def of(
        self, card: ModelCard, options: Mapping[str, Any], inputs: Sequence[Input | Problem], owner: str
    ) -> list[bytes]:
        """One for each input; empty where it cannot be read. `owner`: who alone may be answered with it; empty:
        everybody. Options that have no bytes of their own name nothing: all are empty then."""
        said = {name: value for name, value in options.items() if value is not None}
        try:
            subject = _canonical((RELEASE, card.key, card.task, owner, said))
        except (TypeError, ValueError, OverflowError, RecursionError):
            return [b""] * len(inputs)
        base = blake2b(len(subject).to_bytes(8, "big") + subject, key=self._key, digest_size=SIZE, person=PURPOSE)
        return [b"" if isinstance(input, Problem) else _of(base.copy(), input) for input in inputs]


def _of(hashed: blake2b, input: Input) -> bytes:
    # A text that holds half a surrogate pair is an input too.
    hashed.update(b"t" + input.encode("utf-8", "surrogatepass") if isinstance(input, str) else b"b" + input)
    return hashed.digest()
