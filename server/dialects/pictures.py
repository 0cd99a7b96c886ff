"""How a request with pictures is read: the envelope with base64, or the body is the picture itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec.structs import fields

from server.api.bodies import BodyReader
from server.api.incoming import Incoming
from server.api.schema.envelope import Id
from server.api.schema.pictures import Address
from server.api.unknown_fields import ADDRESS, sentence
from server.codecs.contract import Input
from server.errors import Problem

RECORD_ID = 0  # of the one record that such a request has: its place
KNOWN = {ADDRESS: [field.encode_name for field in fields(Address)]}
NOT_READ_HERE = "What stands behind the '?' of the address is read with a picture as the body; beside JSON it is not."


@dataclass(frozen=True, slots=True, kw_only=True)
class BarePicture:
    """What a payload is where the body is a picture's file."""

    picture: bytes
    address: Address

    @property
    def model(self) -> str | None:
        return self.address.model

    def options(self) -> Mapping[str, Any]:
        return {"topK": int(self.address.top_k)}

    def ids(self) -> Sequence[Id]:
        return [RECORD_ID]

    def inputs(self) -> Sequence[Input | Problem]:
        return [self.picture]

    def beside(self) -> int:
        return 0


def read_pictures(incoming: Incoming, reader: BodyReader[Any]) -> tuple[Any, Sequence[str]]:
    """The payload, and a warning for each thing that is not known. Raises `Problem` (malformed)."""
    address, warnings = read_address(incoming.query)
    if not incoming.is_json:
        return BarePicture(picture=incoming.body, address=address), warnings
    asked, unknown = reader.read(incoming.body)
    return asked.payload, [*unknown, NOT_READ_HERE] if incoming.query else unknown


def read_address(query: Mapping[str, str]) -> tuple[Address, Sequence[str]]:
    """What the address says behind its question mark. Raises `Problem` (malformed) for a number that is none."""
    try:
        address = msgspec.convert(query, Address, strict=False)
    except msgspec.ValidationError as error:
        raise Problem("malformed", f"The address is not as it should be: {error}") from error
    return address, [sentence(ADDRESS, name, KNOWN) for name in query if name not in KNOWN[ADDRESS]]
