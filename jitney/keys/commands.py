"""What the commands of `jitney keys` do. A key is printed on standard output alone, all that is said of it beside."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from broker.contract import CredentialBroker
from broker.credentials.api_key import ApiKey, new_key
from broker.credentials.credential import Credential, decode_all, encode_credential
from jitney.admin.snapshot import NotSeen, admin
from jitney.admin.tables import NONE, printable, table
from jitney.admin.watch import complain
from jitney.keys.file import CredentialFile

FAILED, WRONG = 1, 2
COLUMNS = ("ID", "NAME", "LIMITS", "MODELS", "LANES", "RIGHTS", "WEIGHT", "EXPIRES")
Store = AbstractContextManager[CredentialBroker]


class Refused(Exception):
    """It cannot be done; the message says why, and what helps."""


def store(file: Path | None, url: str, namespace: str) -> Store:
    """Where credentials are kept: in a file, or at the broker."""
    return _in_file(file) if file is not None else admin(url, namespace)


@contextmanager
def _in_file(path: Path) -> Iterator[CredentialBroker]:
    try:
        yield CredentialFile(path)
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise Refused(f"{path}: {error}") from None


def run_add(kept: Store, allowed: Mapping[str, Any]) -> int:
    """Exit code 2 for what makes no sense, 1 where it could not be kept: then there is no key."""
    key = new_key()
    made = Credential(id=key.id, hash=key.hash, created=_now(), **allowed)
    if complaints := made.complaints():
        print(f"jitney: {'; '.join(complaints)}", file=sys.stderr)
        return WRONG

    def keep(broker: CredentialBroker) -> None:
        _change(broker, key.id, b"", made)
        _hand_out(key, f"{key.id} for {made.name}: shown this once, for only a hash of it is kept")

    return _with(kept, keep)


def run_rotate(kept: Store, id: str, grace: float) -> int:
    """Exit code 1 where there is none of this id."""

    def keep(broker: CredentialBroker) -> None:
        before, seen = _found(broker, id)
        key = new_key(id)
        former = {"former_hash": before.hash, "former_until": _now() + grace} if grace else {}
        again = msgspec.structs.replace(before, hash=key.hash, **({"former_hash": "", "former_until": 0.0} | former))
        _change(broker, id, seen, again)
        how = (
            f"until {_day(again.former_until)} the one before counts too" if grace else "the one before counts no more"
        )
        _hand_out(key, f"{id} for {before.name}: {how}")

    return _with(kept, keep)


def run_revoke(kept: Store, id: str) -> int:
    """Exit code 1 where there is none of this id. One that cannot be read is revoked as others."""

    def forget(broker: CredentialBroker) -> None:
        seen = broker.credentials().entries.get(id)
        if seen is None:
            raise Refused(f"there is no key {id!r}: jitney keys list shows them")
        _change(broker, id, seen, None)
        print(f"{id} is revoked", file=sys.stderr)

    return _with(kept, forget)


def run_list(kept: Store, *, as_json: bool) -> int:
    """Exit code 1 where they cannot be asked for."""

    def show(broker: CredentialBroker) -> None:
        stored = broker.credentials()
        found, wrong = decode_all(stored.entries)
        by_name = sorted(found.values(), key=lambda one: (one.name, one.id))
        for id, why in sorted(wrong.items()):
            print(printable(f"jitney: {id} cannot be read, so it lets nobody in: {why}"), file=sys.stderr)
        if as_json:
            print(json.dumps({"version": stored.version, "keys": [_facts(one) for one in by_name]}))
            return
        lines = table(COLUMNS, [_row(one) for one in by_name], names=6, width=None) if found else ["there is no key"]
        print("\n".join(map(printable, lines)), flush=True)

    return _with(kept, show)


def _with(kept: Store, work: Callable[[CredentialBroker], None]) -> int:
    try:
        with kept as broker:
            work(broker)
    except NotSeen as error:
        return complain(error.why, as_json=False)
    except Refused as error:
        print(f"jitney: {error}", file=sys.stderr)
    else:
        return 0
    return FAILED


def _found(broker: CredentialBroker, id: str) -> tuple[Credential, bytes]:
    entries = broker.credentials().entries
    found, wrong = decode_all({name: entry for name, entry in entries.items() if name == id})
    if id in wrong:
        raise Refused(f"{id} cannot be read: {wrong[id]}")
    if id not in found:
        raise Refused(f"there is no key {id!r}: jitney keys list shows them")
    return found[id], entries[id]


def _change(broker: CredentialBroker, id: str, before: bytes, after: Credential | None) -> None:
    if not broker.change_credential(id, before, encode_credential(after) if after else b""):
        raise Refused(f"somebody else has changed {id} in this moment: look at it, and say it again")


def _hand_out(key: ApiKey, said: str) -> None:
    print(printable(f"jitney: {said}"), file=sys.stderr)
    print(key.text, flush=True)


def _facts(one: Credential) -> dict[str, Any]:
    shown: dict[str, Any] = {name: getattr(one, name) for name in one.__struct_fields__ if "hash" not in name}
    return shown | {"expires": one.expires or None, "former_until": one.former_until or None}


def _row(one: Credential) -> list[str]:
    until = "disabled" if one.disabled else "expired" if 0.0 < one.expires <= _now() else _day(one.expires)
    words = (one.models, one.lanes, one.rights)
    return [one.id, one.name, one.limits or NONE, *map(",".join, words), str(one.weight), until]


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%MZ") if seconds else "never"


def _now() -> float:
    return float(int(time.time()))
