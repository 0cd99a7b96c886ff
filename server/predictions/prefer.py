"""What a client says of when it wants its answer: `Prefer` (RFC 7240), `Idempotency-Key`, `?wait`. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from server.errors import Problem
from server.http.body import NUMBER

LONGEST_WAIT = 30.0  # seconds: proxies give up after 60
LONGEST_KEY = 255  # characters
PREFERENCE = re.compile(rb'(?:"(?:\\.|[^"])*(?:"|$)|[^,"])+')  # up to a comma that stands in no quotes; linear
QUOTED = re.compile(rb'"((?:[^"\\\x00-\x1f\x7f-\xff]|\\["\\])*)"')  # a String of RFC 9651


def wait_before_202(prefer: Iterable[bytes]) -> float | None:
    """Seconds that a client waits for its answer before it takes a 202; None when it wants no 202. What else it
    prefers is passed over, as the RFC wants it."""
    said: dict[bytes, bytes] = {}
    for one in PREFERENCE.findall(b",".join(prefer)):
        name, _, value = one.partition(b";")[0].partition(b"=")
        said.setdefault(name.strip().lower(), value.strip().strip(b'"'))
    if b"respond-async" not in said:
        return None
    wait = said.get(b"wait", b"")
    return min(float(wait), LONGEST_WAIT) if wait[:9].isdigit() and wait.isdigit() else 0.0


def applied(wait: float) -> str:
    """The same, as `Preference-Applied` says it."""
    return f"respond-async, wait={wait:g}" if wait else "respond-async"


def wait_of(query: str | None) -> float:
    """The seconds of `?wait=`. Raises `Problem` (malformed)."""
    if query is None:
        return 0.0
    seconds = float(query) if NUMBER.fullmatch(query.encode("utf-8")) else -1.0
    if not seconds >= 0.0:  # also for nan
        raise Problem("malformed", f"wait must be a number of seconds; more than {LONGEST_WAIT:g} count as that")
    return min(seconds, LONGEST_WAIT)


def key_of(header: bytes | None) -> bytes:
    """An `Idempotency-Key`, quoted as the draft says or bare as clients send it; empty where there is none. Raises
    `Problem` (malformed)."""
    if header is None:
        return b""
    sent = header.strip()
    quoted = QUOTED.fullmatch(sent)
    key = re.sub(rb'\\(["\\])', rb"\1", quoted[1]) if quoted else sent
    if not 0 < len(key) <= LONGEST_KEY or (quoted is None and sent.startswith(b'"')):
        raise Problem("malformed", f"Idempotency-Key must be a string of 1 to {LONGEST_KEY} characters")
    return key


def digest(*parts: bytes) -> str:
    """SHA-256 of these, none of which can pass for a part of another."""
    found = hashlib.sha256()
    for part in parts:
        found.update(b"%d:" % len(part) + part)
    return found.hexdigest()
