"""Which keys a front end knows: the last that could be read, and never everybody."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from broker.credentials.api_key import new_key
from broker.credentials.credential import Credential, encode_credential
from broker.errors import BrokerError, BrokerUnavailable
from broker.memory import MemoryFrontEnd, MemoryStore
from broker.memory.credentials import MemoryCredentials
from server.callers.known_keys import BrokerKeys, FileKeys

pytestmark = pytest.mark.anyio
KEY = new_key()
ENTRY = encode_credential(Credential(id=KEY.id, hash=KEY.hash))


class Enough(Exception):
    """No look more."""


class Broker:
    """The twin, whose operator adds a key when told to."""

    def __init__(self) -> None:
        self.store = MemoryStore(lambda: 1.0)
        self.front_end = MemoryFrontEnd(self.store, "f" * 16)
        self.operator = MemoryCredentials(self.store)

    def add(self, id: str = KEY.id, entry: bytes = ENTRY) -> None:
        assert self.operator.change_credential(id, b"", entry)


async def test_a_key_is_known_after_the_next_look() -> None:
    broker, keys = Broker(), BrokerKeys()
    broker.add()

    await keys.look(broker.front_end)

    assert keys.table is not None
    assert keys.table.holder(KEY, 0.0) is not None
    assert keys.complaint == ""


async def test_the_age_of_what_is_known_is_told() -> None:
    now = [100.0]
    broker, keys = Broker(), BrokerKeys(lambda: now[0])
    assert keys.age is None
    await keys.look(broker.front_end)
    now[0] += 5.0
    assert keys.age == 5.0

    broker.store.fault = BrokerError("the broker refuses a command: NOPERM")
    await keys.look(broker.front_end)
    assert keys.age == 5.0

    broker.store.fault = None
    await keys.look(broker.front_end)
    assert keys.age == 0.0


async def test_a_broker_without_keys_lets_nobody_in_and_an_error_says_so_once() -> None:
    broker, keys = Broker(), BrokerKeys()

    with capture_logs() as lines:
        await keys.look(broker.front_end)
        await keys.look(broker.front_end)

    assert keys.table is None
    assert "nobody is let in" in keys.complaint
    [line] = [line for line in lines if line["event"] == "no keys"]
    assert line["log_level"] == "error"
    assert "jitney keys add" in line["remedy"]


async def test_a_broker_that_came_back_empty_lets_nobody_in_any_more() -> None:
    broker, keys = Broker(), BrokerKeys()
    broker.add()
    await keys.look(broker.front_end)
    broker.store.lose_everything()

    await keys.look(broker.front_end)

    assert keys.table is None
    broker.add()
    await keys.look(broker.front_end)
    assert keys.table is not None
    assert keys.complaint == ""


async def test_while_the_broker_is_away_the_last_keys_are_known() -> None:
    broker, keys = Broker(), BrokerKeys()
    broker.add()
    await keys.look(broker.front_end)
    broker.store.fault = BrokerUnavailable()

    with pytest.raises(BrokerUnavailable):
        await keys.look(broker.front_end)

    assert keys.table is not None


async def test_a_broker_that_does_not_show_them_costs_no_look_and_is_told_of() -> None:
    broker, keys = Broker(), BrokerKeys()
    broker.add()
    await keys.look(broker.front_end)
    broker.store.fault = BrokerError("the broker refuses a command: NOPERM")

    with capture_logs() as lines:
        await keys.look(broker.front_end)

    assert keys.table is not None
    assert keys.complaint
    assert [line["log_level"] for line in lines] == ["error"]
    broker.store.fault = None
    await keys.look(broker.front_end)
    assert keys.complaint == ""


async def test_a_key_that_cannot_be_read_hides_no_other_and_its_id_is_told() -> None:
    broker, keys = Broker(), BrokerKeys()
    broker.add()
    broker.add("b" * 12, b"{")

    with capture_logs() as lines:
        await keys.look(broker.front_end)

    assert keys.table is not None
    assert len(keys.table) == 1
    assert [line["id"] for line in lines if line["event"] == "key unreadable"] == ["b" * 12]


async def watched(keys: FileKeys, times: int = 1) -> None:
    """So many looks at the file."""
    left = times

    async def sleep(seconds: float) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Enough

    with pytest.raises(Enough):
        await keys.watch(sleep)


async def test_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_bytes(b"")
    keys = FileKeys(path)
    keys.read()
    path.write_bytes(ENTRY + b"\n")

    await watched(keys)

    assert keys.table is not None
    assert keys.table.holder(KEY, 0.0) is not None


async def test_a_file_is_read_again_when_kubernetes_moves_the_link(tmp_path: Path) -> None:
    for name, data in (("..1", b""), ("..2", ENTRY)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "keys").write_bytes(data)
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "keys").symlink_to("..data/keys")
    keys = FileKeys(tmp_path / "keys")
    keys.read()
    (tmp_path / "..new").symlink_to("..2")
    os.replace(tmp_path / "..new", tmp_path / "..data")

    await watched(keys)

    assert keys.table is not None
    assert len(keys.table) == 1


@pytest.mark.parametrize("broken", ["nonsense", None])
async def test_a_file_that_is_broken_or_gone_keeps_the_last_keys_and_is_told_of(
    tmp_path: Path, broken: str | None
) -> None:
    path = tmp_path / "keys"
    path.write_bytes(ENTRY)
    keys = FileKeys(path)
    keys.read()
    if broken is None:
        path.unlink()
    else:
        path.write_text(broken)

    with capture_logs() as lines:
        await watched(keys, 3)

    assert keys.table is not None
    assert len(keys.table) == 1
    assert keys.complaint
    assert [line["log_level"] for line in lines] == ["error"]
    path.write_bytes(ENTRY)
    await watched(keys)
    assert keys.complaint == ""
