"""Which key is whose: what front ends look up, made anew when credentials change. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from broker.credentials.api_key import NOBODYS, ApiKey, is_same
from broker.credentials.credential import Credential, list_of
from broker.credentials.policies import parse_policies
from broker.messages import Lane
from server.callers.caller import EVERY_MODEL, Caller


class Entry(Struct, frozen=True):
    """One key's."""

    credential: Credential
    caller: Caller


NOBODY = Entry(Credential(id="", hash=NOBODYS, disabled=True), Caller())


class CallerTable:
    """All keys that a front end knows."""

    def __init__(self, credentials: Iterable[Credential] = ()) -> None:
        self._entries: Mapping[str, Entry] = {one.id: Entry(one, caller_of(one)) for one in credentials}

    def __len__(self) -> int:
        return len(self._entries)

    def holder(self, key: ApiKey, now: float) -> Caller | None:
        """Who this key lets in; None for nobody. An unknown id takes as long as a wrong secret."""
        entry = self._entries.get(key.id, NOBODY)
        one, hash = entry.credential, key.hash
        is_it = is_same(hash, one.hash)
        was_it = is_same(hash, one.former_hash or NOBODYS) and now < one.former_until
        return entry.caller if (is_it or was_it) and _counts(one, now) else None

    def named(self, id: str, now: float) -> Caller | None:
        """Whose key was let in before, while it would be still."""
        entry = self._entries.get(id, NOBODY)
        return entry.caller if _counts(entry.credential, now) else None


def _counts(credential: Credential, now: float) -> bool:
    return not credential.disabled and not 0.0 < credential.expires <= now


def caller_of(credential: Credential) -> Caller:
    """What it allows, as requests are checked for it."""
    return Caller(
        id=credential.id,
        list=list_of(credential.id),
        weight=credential.weight,
        policies=parse_policies(credential.limits),
        models=EVERY_MODEL if credential.models == EVERY_MODEL else credential.models,  # asked for by what it is
        lanes=frozenset(map(Lane, credential.lanes)),
        rights=frozenset(credential.rights),
    )
