"""A batch goes on from what is in the store, whoever ran it before, and ends once."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from server.batches import running
from server.batches.archive import Archive
from server.batches.document import document
from server.batches.input.reading import Line
from server.batches.kept import Asked, Batch, Head, new_id, part_numbers
from server.batches.running import Run
from server.batches.window import Answered
from server.files.files import Files
from server.files.folder import Folder
from server.files.store import StoreAway, StoreFull

pytestmark = pytest.mark.anyio
NOW = 1_800_000_000.0


class Echo:
    """Answers a line with its number; one whose custom_id says so fails."""

    room = 1

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    async def __call__(self, line: Line) -> Answered:
        self._kit.computed.append(line.number)
        if line.number == self._kit.stops_at:
            self._kit.has_stopped.set()
            await self._kit.may_go_on.wait()
        is_good = b"bad" not in (line.text or b"")
        return Answered(b"%d\n" % line.number, is_good, b"late" in (line.text or b""))


class Kit:
    """A store with one input, and front ends that run its batch."""

    def __init__(self, root: Path) -> None:
        self.store = Folder(root)
        self.archive = Archive(self.store, lambda: NOW)
        self.files = Files(self.store, 3_600.0, lambda: NOW)
        self.computed: list[int] = []
        self.stops_at = 0
        self.has_stopped, self.may_go_on = asyncio.Event(), asyncio.Event()
        self.id = new_id(NOW)

    async def create(self, *custom_ids: str, data: bytes | None = None) -> Asked:
        lines = [request(custom_id) for custom_id in custom_ids]
        file = await self.files.create(chunks(b"".join(lines) if data is None else data), "in.jsonl", "batch")
        asked = Asked(
            id=self.id,
            endpoint="/v1/embeddings",
            input_file_id=file.id,
            completion_window="24h",
            created_at=NOW,
            expires_at=NOW + 86_400.0,
        )
        return await self.archive.create(asked)

    def run(self, asked: Asked, archive: Archive | None = None) -> Run:
        return Run(archive or self.archive, self.files, lambda asked: Echo(self), 1_000, asked)

    async def found(self) -> Batch:
        found = await self.archive.find(self.id)
        assert found is not None
        return found

    async def content(self, id: str | None) -> bytes:
        assert id is not None
        return b"".join([piece async for piece in self.files.content(id)])

    async def until_stopped_at(self, line: int, asked: Asked) -> asyncio.Task[Any]:
        """A run that hangs at this line, once all before it is in the store."""
        self.stops_at = line
        task = asyncio.ensure_future(self.run(asked)())
        await self.has_stopped.wait()
        while (head := (await self.found()).head) is None or head.lines < line - 1:
            await asyncio.sleep(0)
        self.stops_at = 0
        return task


def request(custom_id: str) -> bytes:
    line = {"custom_id": custom_id, "method": "POST", "url": "/v1/embeddings", "body": {"input": "life"}}
    return json.dumps(line).encode() + b"\n"


async def chunks(data: bytes) -> AsyncIterator[bytes]:
    yield data


@pytest.fixture
def kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kit:
    monkeypatch.setattr("server.batches.window.PART_SECONDS", 0.0)
    monkeypatch.setattr("server.batches.window.PART_SHARE", 0.0)  # else a slow machine writes fewer parts
    monkeypatch.setattr(running, "STORE_PAUSE", 0.0)
    return Kit(tmp_path / "files")


async def test_a_batch_ends_with_its_output_in_the_order_of_its_input(kit: Kit):
    asked = await kit.create(*(f"line {number}" for number in range(100)))

    await kit.run(asked)()

    shown = document(await kit.found())
    assert (shown.status, shown.request_counts.completed, shown.error_file_id) == ("completed", 100, None)
    assert await kit.content(shown.output_file_id) == b"".join(b"%d\n" % number for number in range(1, 101))
    assert await kit.archive.open_ids() == []
    assert part_numbers(await kit.store.names("batches")) == []


async def test_failed_lines_are_in_a_file_of_their_own(kit: Kit):
    asked = await kit.create("good", "bad 1", "fine", "bad 2")

    await kit.run(asked)()

    shown = document(await kit.found())
    assert (shown.status, shown.request_counts.completed, shown.request_counts.failed) == ("completed", 2, 2)
    assert await kit.content(shown.output_file_id) == b"1\n3\n"
    assert await kit.content(shown.error_file_id) == b"2\n4\n"


async def test_where_all_fail_there_is_no_output_and_it_is_completed(kit: Kit):
    asked = await kit.create("bad 1", "bad 2")

    await kit.run(asked)()

    shown = document(await kit.found())
    assert (shown.status, shown.output_file_id) == ("completed", None)


async def test_lines_whose_time_was_over_make_it_expired_with_what_there_is(kit: Kit):
    asked = await kit.create("good", "bad and late")

    await kit.run(asked)()

    shown = document(await kit.found())
    assert (shown.status, await kit.content(shown.output_file_id)) == ("expired", b"1\n")
    assert shown.expired_at is not None


async def test_an_input_with_errors_fails_and_nothing_is_computed(kit: Kit):
    asked = await kit.create(data=request("a") + b"nonsense\n" + request("a"))

    await kit.run(asked)()

    shown = document(await kit.found())
    assert shown.status == "failed"
    assert shown.errors is not None
    assert [(one.line, one.code) for one in shown.errors.data] == [(2, "invalid_json_line"), (3, "duplicate_custom_id")]
    assert kit.computed == []


async def test_whoever_adopts_one_goes_on_where_the_store_says(kit: Kit):
    asked = await kit.create(*(f"line {number}" for number in range(50)))
    first = await kit.until_stopped_at(20, asked)
    first.cancel()

    await kit.run(asked)()

    shown = document(await kit.found())
    assert await kit.content(shown.output_file_id) == b"".join(b"%d\n" % number for number in range(1, 51))
    assert all(kit.computed.count(number) == 1 for number in range(1, 20))


async def test_of_two_that_run_it_at_once_each_line_is_written_by_one(kit: Kit):
    asked = await kit.create(*(f"line {number}" for number in range(200)))

    archives = [Archive(kit.store, lambda now=NOW + number: now) for number in range(3)]  # no two see the same time
    ends = await asyncio.gather(*(kit.run(asked, archive)() for archive in archives))

    shown = document(await kit.found())
    assert sum(end is not None for end in ends) == 1
    assert await kit.content(shown.output_file_id) == b"".join(b"%d\n" % number for number in range(1, 201))
    assert len((await kit.files.page()).data) == 2  # its input and its output: others have taken theirs back


async def test_an_end_that_is_tried_again_leaves_no_files_beside_its_own(kit: Kit):
    asked = await kit.create("good", "bad")
    ends = Ends(kit.store, refused=3)

    await kit.run(asked, Archive(ends, lambda: NOW))()

    shown, files = document(await kit.found()), await kit.files.page()
    assert ends.refused == 0
    assert {file.id for file in files.data} == {asked.input_file_id, shown.output_file_id, shown.error_file_id}


async def test_a_cancelled_one_ends_with_what_there_is(kit: Kit):
    asked = await kit.create(*(f"line {number}" for number in range(50)))
    (await kit.until_stopped_at(20, asked)).cancel()
    await kit.archive.cancel(kit.id)
    assert document(await kit.found()).status == "cancelling"

    await kit.run(asked)()

    shown = document(await kit.found())
    assert (shown.status, shown.request_counts.completed) == ("cancelled", 19)
    assert await kit.content(shown.output_file_id) == b"".join(b"%d\n" % number for number in range(1, 20))


async def test_whoever_runs_one_sees_that_it_is_cancelled_without_the_broker(kit: Kit):
    asked = await kit.create(*(f"line {number}" for number in range(50)))
    running = await kit.until_stopped_at(20, asked)
    await kit.archive.cancel(kit.id)

    kit.may_go_on.set()
    await running

    shown = document(await kit.found())
    assert (shown.status, shown.request_counts.completed) == ("cancelled", 20)


async def test_an_input_that_is_deleted_meanwhile_fails_it(kit: Kit):
    asked = await kit.create("a")
    await kit.files.delete(asked.input_file_id)

    await kit.run(asked)()

    shown = document(await kit.found())
    assert shown.errors is not None
    assert (shown.status, shown.errors.data[0].code) == ("failed", "input_file_missing")


async def test_a_store_that_is_away_is_asked_again_and_nothing_is_lost(kit: Kit):
    asked = await kit.create(*(f"line {number}" for number in range(30)))
    flaky = Flaky(kit.store)

    await kit.run(asked, Archive(flaky, lambda: NOW))()

    shown = document(await kit.found())
    assert await kit.content(shown.output_file_id) == b"".join(b"%d\n" % number for number in range(1, 31))
    assert flaky.refused > 5
    assert sorted(kit.computed) == list(range(1, 31))


async def test_to_see_how_far_one_is_its_answers_are_not_read(kit: Kit):
    await kit.create("a")
    await kit.archive.advance(kit.id, Head(number=0, total=1, begun_at=NOW, written_at=NOW), b"x" * 100_000)
    counted = Counted(kit.store)

    head = await Archive(counted).head(kit.id)

    assert head is not None and head.total == 1
    assert counted.read_bytes <= 1_024


class Counted:
    """Counts the bytes that are read."""

    def __init__(self, store: Folder) -> None:
        self._store = store
        self.read_bytes = 0

    async def read(self, *where: Any, **how: Any) -> AsyncIterator[bytes]:
        async for piece in self._store.read(*where, **how):
            self.read_bytes += len(piece)
            yield piece

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class Ends:
    """Has no room for the ends of batches, so many times."""

    def __init__(self, store: Folder, refused: int) -> None:
        self._store = store
        self.refused = refused

    async def put(self, name: str, data: bytes, is_new: bool = False) -> None:
        if name.endswith("end.json") and self.refused:
            self.refused -= 1
            raise StoreFull("There is no room.")
        await self._store.put(name, data, is_new)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class Flaky:
    """Three calls in ten fail, puts after they were done."""

    def __init__(self, store: Folder) -> None:
        self._store = store
        self._dice = random.Random(12)
        self.refused = 0

    async def put(self, name: str, data: bytes, is_new: bool = False) -> None:
        await self._store.put(name, data, is_new)
        self._fail()

    async def get(self, name: str) -> bytes | None:
        self._fail()
        return await self._store.get(name)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def _fail(self) -> None:
        if self._dice.random() < 0.3:
            self.refused += 1
            raise StoreAway("It is away.")
