"""The header of a job, in one table: `wire.py`, scripts and operators' commands read it by position."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate
from struct import Struct

from broker.keys import PROTOCOL

STAMP = 13  # digits of a time in ms on the broker's clock

# Field → bytes, in this order, in ASCII. Numbers are padded with zeros on the left, texts with blanks on the right.
WIDTHS: Mapping[str, int] = {
    "version": 1,  # of the protocol
    "kind": 1,
    "lane": 1,  # i(nteractive) | b(ulk)
    "list": 1,  # of its lane
    "weight": 1,  # of its caller
    "attempts": 1,
    "cost": 7,  # tokens
    "admitted": STAMP,
    "deadline": STAMP,
    "front_end": 16,  # who waits for the outcome
    "id": 32,
}
STARTS: Mapping[str, int] = dict(zip(WIDTHS, accumulate(WIDTHS.values(), initial=0), strict=False))
PLACES: Mapping[str, slice] = {name: slice(STARTS[name], STARTS[name] + width) for name, width in WIDTHS.items()}
SIZE = sum(WIDTHS.values())  # bytes before the body
FIELDS = Struct("".join(f"{width}s" for width in WIDTHS.values()))  # reads all of them at once

NUMBERS = ("list", "weight", "attempts", "cost", "admitted", "deadline")
# What `%` fills with a value, cut to fit where it is a text.
HOLES = {n: f"%0{width}d" if n in NUMBERS else f"%-{width}.{width}s" for n, width in WIDTHS.items()}

VERSION = str(PROTOCOL)
KIND = "s"  # somebody waits for its outcome, and its body stands behind the header
BY_REFERENCE = "r"  # the same, but the body lies apart. Any other kind is another version's
MAX_ATTEMPTS = int("9" * WIDTHS["attempts"])
MAX_COST = int("9" * WIDTHS["cost"])

TEMPLATE = "".join(HOLES.values())  # a value for each field
AT_FIRST: Mapping[str, str | int] = {
    "version": VERSION,
    "kind": KIND,
    "list": 0,
    "weight": 1,
    "attempts": 0,
    "admitted": 0,
    "deadline": 0,
}
NEW = "".join(hole % AT_FIRST[n] if n in AT_FIRST else hole for n, hole in HOLES.items())  # for what is left of them


def number(job: bytes, name: str) -> int:
    """Digits and nothing else, as scripts read them: int() takes signs, blanks and underscores too. Else 0."""
    digits = job[PLACES[name]]
    return int(digits) if digits.isdigit() else 0


def text(job: bytes, name: str) -> str:
    """Readable even where the body is not; of garbage, something."""
    return job[PLACES[name]].decode("ascii", "replace").rstrip()
