"""What the registry holds ⇄ bytes: cards, presences, and live limits and shares as operators write them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any, TypeVar

import msgspec

from broker.body import pack, unpack
from broker.errors import WireError
from broker.fields import misfits
from broker.messages import WHOLE, Limits, ModelCard, Presence, Slo, Speed, Traffic

PLAIN = re.compile(r"[a-z0-9._-]+@[A-Za-z0-9._-]+")  # a card's key
BEFORE = "before"  # beside live limits on trial: those from before, as `benchmarks sweep` keeps them
NESTED: Mapping[str, type[Any]] = {"speed": Speed, "limits": Limits, "slo": Slo}  # messages in a presence
AnyDataclass = TypeVar("AnyDataclass")


def encode_card(card: ModelCard) -> bytes:
    """A card, for the registry."""
    return pack(asdict(card))


def decode_card(data: bytes) -> ModelCard:
    """The card in these bytes; fields that this version does not know are ignored. Its name and revision stand in
    keys, addresses and headers, so they are held to plain characters."""
    card = _known(ModelCard, data)
    if not PLAIN.fullmatch(card.key):
        raise WireError("the name or revision of a card is not spelled with plain characters")
    return card


def encode_presence(presence: Presence) -> bytes:
    """One batcher's entry, for the registry."""
    return pack({name: value for name, value in asdict(presence).items() if value is not None})


def decode_presence(data: bytes) -> Presence:
    """The batcher in these bytes."""
    presence = _known(Presence, data)
    rows: dict[str, Any] = {name: getattr(presence, name) for name in NESTED}
    made = {name: _row_of(NESTED[name], row) for name, row in rows.items() if isinstance(row, dict)}
    return replace(presence, **made)


def limits_entry(found: Any) -> dict[bytes, bytes]:
    """Live limits as a script returns them: names and values in turns; a number where their key is no hash. Raises
    `WireError` for that."""
    if not isinstance(found, Sequence):
        raise WireError("their key is no hash")
    return dict(zip(found[::2], found[1::2], strict=True))


def unknown_limits(entry: Mapping[bytes, bytes]) -> list[str]:
    """Names that are no limit's: a typing error, or of a newer version."""
    known = {field.name.encode() for field in fields(Limits)} | {BEFORE.encode()}
    return [name.decode("utf-8", "replace") for name in entry if name not in known]


def decode_limits(entry: Mapping[bytes, bytes], default: Limits) -> Limits | None:
    """Live limits as an operator wrote them with HSET; None where there are none. Raises `WireError` for bad values."""
    if not entry:
        return None
    try:
        known = {field.name: type(getattr(default, field.name)) for field in fields(Limits)}
        named = {name.decode(): value.decode() for name, value in entry.items()}
        limits = replace(default, **{name: known[name](value) for name, value in named.items() if name in known})
    except ValueError as error:
        raise WireError(f"a value is not a number: {error}") from error
    if complaints := limits.complaints():
        raise WireError("; ".join(complaints))
    return limits


def encode_traffic(traffic: Traffic) -> bytes:
    """Shares of one model, as a line of JSON that people can read."""
    return msgspec.json.encode(traffic)


def decode_traffic(data: bytes) -> Traffic:
    """The shares in these bytes. Raises `WireError` for those that make no sense."""
    try:
        traffic = msgspec.json.decode(data, type=Traffic)
    except (ValueError, RecursionError) as error:
        raise WireError(f"these are no shares: {error}") from error
    if sum(span.parts for span in traffic.spans) != WHOLE or any(span.parts < 0 for span in traffic.spans):
        raise WireError(f"the parts of its spans do not come to {WHOLE}")
    return traffic


def _known(kind: type[AnyDataclass], data: bytes) -> AnyDataclass:
    try:
        return _row_of(kind, unpack(data))
    except ValueError as error:
        raise WireError from error


def _row_of(kind: type[AnyDataclass], row: Any) -> AnyDataclass:
    try:
        names = {field.name for field in fields(kind)}  # type: ignore[arg-type]
        made = kind(**{name: value for name, value in row.items() if name in names})
        if misfits(kind, row):
            raise WireError
    except (TypeError, AttributeError) as error:
        raise WireError from error
    return made
