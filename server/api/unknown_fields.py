"""Warnings of unknown fields, each with the field that was probably meant. Pure; bodies without any never come here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches

import msgspec
from msgspec import Raw

MOST = 8  # warnings in a reply
SHOWN = 40  # characters of a field's name that a warning repeats
ALIKE = 0.7  # of 1: how much two names have in common where one is taken for the other
MOST_COLONS = 10_000  # in a body that is searched: there are as many fields at most, and each is looked at
TOP, PAYLOAD, RECORD, ADDRESS = "the body", "the payload", "a record", "the address"

Names = Mapping[str, Iterable[str]]  # the known fields by place
_object = msgspec.json.Decoder(dict[str, Raw])
_objects = msgspec.json.Decoder(list[dict[str, Raw]])


def warnings(body: bytes, known: Names, *, takes_options: bool) -> list[str]:
    """A sentence for each unknown field, `MOST` at most. With `takes_options` the payload may have any field.

    Empty for a body that is no JSON or has other types: the error that follows says what is wrong with it.
    """
    if body.count(b":") > MOST_COLONS:
        return ["There may be unknown fields: so many are not looked at."]
    found: dict[tuple[str, str], None] = {}
    for place, name in _fields(body):
        if name not in known[place] and not (takes_options and place == PAYLOAD):
            found[place, name] = None
            if len(found) > MOST:
                break
    sentences = [sentence(place, name, known) for place, name in list(found)[:MOST]]
    return sentences + ["There are more unknown fields."] * (len(found) > MOST)


def _fields(body: bytes) -> Iterator[tuple[str, str]]:
    try:
        top = _object.decode(body)
        yield from ((TOP, name) for name in top)
        payload = _object.decode(top.get("payload", b"{}"))
        yield from ((PAYLOAD, name) for name in payload)
        for record in _objects.decode(payload.get("records", b"[]")):
            yield from ((RECORD, name) for name in record)
    except (ValueError, RecursionError):
        return


def sentence(place: str, name: str, known: Names) -> str:
    """The warning of this field."""
    said = f"{name[:SHOWN]!a} in {place} is not known and is not read"
    if meant := _closest(name, known[place]):
        return f"{said}: probably {meant!r} is meant."
    for elsewhere in known:
        if meant := _closest(name, known[elsewhere]):
            return f"{said}: {meant!r} belongs into {elsewhere}."
    return f"{said}."


def _closest(name: str, names: Iterable[str]) -> str | None:
    plain = {_plain(one): one for one in names}
    sent = _plain(name[:SHOWN])
    begins = [one for one in plain if len(sent) > 1 and one.startswith(sent)]
    found = begins or get_close_matches(sent, plain, 1, ALIKE)
    return plain[found[0]] if found else None


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "").replace(" ", "")
