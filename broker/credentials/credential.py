"""What is kept of a key, and what it allows: ⇄ JSON, one line each. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from zlib import crc32

import msgspec
from msgspec import Struct

from broker.contract import LISTS
from broker.credentials.api_key import ID_SHAPE
from broker.credentials.policies import parse_policies
from broker.messages import Lane

# admin: everybody's predictions, files and batches, and internals. history: what is kept of its own requests, and with
# admin of everybody's; no other right includes it, for it may show texts.
RIGHTS = ("infer", "files", "history", "admin")
HEAVIEST = 9
HASH = re.compile("[0-9a-f]{64}")
VERSION = "#version"  # the field of the hash of credentials that is none


class Credential(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A key without its secret."""

    id: str
    hash: str  # SHA-256 of the secret, hexadecimal
    name: str = ""  # for people
    weight: int = 1  # 1 to 9: how much it gets beside others
    limits: str = ""  # as `policies.py` reads them; empty: none
    models: tuple[str, ...] = ("*",)  # globs over names of models
    lanes: tuple[str, ...] = tuple(map(str, Lane))
    rights: tuple[str, ...] = ("infer", "files")
    created: float = 0.0  # seconds since 1970
    expires: float = 0.0  # the same; 0.0: never
    disabled: bool = False
    former_hash: str = ""  # of the secret before this one
    former_until: float = 0.0  # seconds since 1970: so long that one counts too

    def complaints(self) -> list[str]:
        """What is wrong with it, in words for the operator."""
        rules = [
            (re.fullmatch(ID_SHAPE, self.id), f"an id is spelled as {ID_SHAPE}"),
            (HASH.fullmatch(self.hash), "a hash is 64 hexadecimal digits"),
            (not self.former_hash or HASH.fullmatch(self.former_hash), "a hash is 64 hexadecimal digits"),
            (1 <= self.weight <= HEAVIEST, f"a weight is 1 to {HEAVIEST}"),
            (self.models, "models is empty: nothing could be asked"),
            (self.lanes and set(self.lanes) <= set(Lane), f"lanes are {' or '.join(Lane)}"),
            (self.rights and set(self.rights) <= set(RIGHTS), f"rights are {', '.join(RIGHTS)}"),
        ]
        found = [complaint for holds, complaint in rules if not holds]
        try:
            parse_policies(self.limits)
        except ValueError as error:
            found.append(f"limits: {error}")
        return found


def list_of(id: str) -> int:
    """Of a lane: callers of one list share its turns. The first is for everybody without a key."""
    return 1 + crc32(id.encode()) % (LISTS - 1)


_one = msgspec.json.Decoder(Credential)


def encode_credential(credential: Credential) -> bytes:
    """One line of JSON."""
    return msgspec.json.encode(credential)


def decode_credential(line: bytes | str) -> Credential:
    """Fields that this version does not know are ignored. Raises `ValueError` that says what is wrong."""
    credential = _one.decode(line)  # raises one of these
    if complaints := credential.complaints():
        raise ValueError("; ".join(complaints))
    return credential


def decode_all(entries: Mapping[str, bytes]) -> tuple[dict[str, Credential], dict[str, str]]:
    """Those that can be read by their ids, and of each other what is wrong with it."""
    found: dict[str, Credential] = {}
    wrong: dict[str, str] = {}
    for id, entry in entries.items():
        try:
            credential = decode_credential(entry)
            if credential.id != id:
                raise ValueError("it says another id")
            found[id] = credential
        except (ValueError, RecursionError) as error:
            wrong[id] = str(error)
    return found, wrong


def decode_lines(text: str) -> dict[str, Credential]:
    """The credentials of a file, by id; empty lines and those that begin with # are none. Raises `ValueError` that says
    in which line what is wrong."""
    found: dict[str, Credential] = {}
    for number, line in _lines(text):
        try:
            credential = decode_credential(line)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"line {number}: {error}") from None
        if credential.id in found:
            raise ValueError(f"line {number}: {credential.id} stands above already")
        found[credential.id] = credential
    return found


def _lines(text: str) -> Iterable[tuple[int, str]]:
    stripped = ((number, line.strip()) for number, line in enumerate(text.splitlines(), 1))
    return ((number, line) for number, line in stripped if line and not line.startswith("#"))
