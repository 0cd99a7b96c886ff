"""Files by their ids: made, found, told in pages, and forgotten."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.errors import Problem
from server.files.files import ORPHANED, File, Files
from server.files.store import Store, StoreAway, open_store
from tests.conftest import FakeClock

pytestmark = pytest.mark.anyio

DAY = 86_400.0


async def these(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def broken() -> AsyncIterator[bytes]:
    yield b"half"
    raise LookupError("the sender has gone")


@pytest.fixture
def files(tmp_path: Path, clock: FakeClock) -> Files:
    return Files(open_store(str(tmp_path)), 30 * DAY, clock)


async def made(files: Files, clock: FakeClock, *purposes: str, kept: float | None = None) -> list[File]:
    """One of each purpose, each a second after the one before."""
    found = []
    for purpose in purposes:
        clock.tick(1.0)
        found.append(await files.create(these(b"data"), "in.jsonl", purpose, kept))
    return found


async def read(files: Files, id: str) -> bytes:
    return b"".join([piece async for piece in files.content(id)])


async def test_a_file_is_found_and_read_on_either_store(store: Store, clock: FakeClock):
    files = Files(store, DAY, clock)

    file = await files.create(these(b"one", b"two"), "in.jsonl", "batch")

    assert (file.bytes, file.created_at, file.filename, file.purpose) == (6, 1_000, "in.jsonl", "batch")
    assert await files.find(file.id) == file
    assert await read(files, file.id) == b"onetwo"
    assert (await files.page()).data == [file]


async def test_a_file_whose_sender_has_gone_is_none(files: Files):
    with pytest.raises(LookupError):
        await files.create(broken(), "in.jsonl", "batch")

    assert (await files.page()).data == []
    assert await files.store.names("data") == []


@pytest.mark.parametrize("id", ["", "file-", "../../etc/passwd", "file-" + "0" * 36, "file-" + "0" * 35 + "/", "x"])
async def test_what_is_no_id_of_a_file_is_not_found(files: Files, id: str):
    with pytest.raises(Problem) as refused:
        await files.find(id)

    assert refused.value.code == "not_found"


async def test_made_again_with_its_id_it_is_the_same_file(files: Files):
    id = files.new_id()

    for data in (b"one", b"two"):
        await files.create(these(data), "out.jsonl", "batch_output", id=id)

    assert [file.id for file in (await files.page()).data] == [id]
    assert await read(files, id) == b"two"


async def test_the_newest_come_first_unless_asked_otherwise(files: Files, clock: FakeClock):
    made_in_order = await made(files, clock, "batch", "batch", "batch")

    assert (await files.page()).data == made_in_order[::-1]
    assert (await files.page(order="asc")).data == made_in_order


async def test_pages_go_on_behind_one_that_may_be_gone(files: Files, clock: FakeClock):
    first, second, third = await made(files, clock, "batch", "batch", "batch")

    page = await files.page(limit=2)
    await files.delete(second.id)
    rest = await files.page(after=page.last_id, limit=2)

    assert (page.data, page.has_more, page.first_id) == ([third, second], True, third.id)
    assert (rest.data, rest.has_more) == ([first], False)
    assert (await files.page(after=first.id)).last_id is None


async def test_pages_have_one_purpose_where_asked(files: Files, clock: FakeClock):
    _, output, _, later = await made(files, clock, "batch", "batch_output", "batch", "batch_output")

    page = await files.page(purpose="batch_output", limit=1)

    assert (page.data, page.has_more) == ([later], True)
    assert (await files.page(purpose="batch_output", after=later.id)).data == [output]


async def test_a_deleted_file_is_gone_with_its_bytes(files: Files, clock: FakeClock):
    (file,) = await made(files, clock, "batch")

    await files.delete(file.id)

    assert await files.store.names("data") == await files.store.names("files") == []
    with pytest.raises(Problem):
        await files.delete(file.id)


@pytest.mark.parametrize(("kept", "lives"), [(None, 30 * DAY), (DAY, DAY), (90 * DAY, 30 * DAY)])
async def test_a_file_is_kept_as_long_as_asked_and_the_ttl_at_most(
    files: Files, clock: FakeClock, kept: float | None, lives: float
):
    (file,) = await made(files, clock, "batch", kept=kept)

    assert file.expires_at == file.created_at + lives
    clock.tick(lives - 1)
    assert (await files.page()).data == [file]
    clock.tick(1)
    assert (await files.page()).data == []
    with pytest.raises(Problem):
        await files.find(file.id)


async def test_a_sweep_forgets_what_is_over_and_nothing_else(files: Files, clock: FakeClock):
    await made(files, clock, "batch", kept=DAY)
    (stays,) = await made(files, clock, "batch", kept=3 * DAY)
    clock.tick(2 * DAY)

    assert await files.sweep() == 1
    assert await files.sweep() == 0
    assert await files.store.names("files") == [f"files/{stays.id}"]
    assert await files.store.names("data") == [f"data/{stays.id}"]


async def test_a_sweep_forgets_bytes_that_never_became_a_file_but_not_while_somebody_may_write(
    files: Files, clock: FakeClock
):
    id = files.new_id()
    await files.write(id, these(b"data"))

    assert await files.sweep() == 0
    clock.tick(ORPHANED + 1)
    assert await files.sweep() == 1
    assert await files.store.names("data") == []


async def test_what_somebody_else_put_beside_them_is_no_file_and_stays(files: Files, tmp_path: Path):
    id = files.new_id()
    await files.store.put(f"files/{id}", b"\xffnot ours")
    await files.store.put("files/README", b"hello")

    assert (await files.page()).data == []
    assert await files.sweep() == 0
    with pytest.raises(Problem):
        await files.find(id)
    assert await files.store.names("files") == sorted(["files/README", f"files/{id}"])


async def test_a_store_that_is_away_is_no_empty_list(files: Files, monkeypatch: pytest.MonkeyPatch):
    await files.create(these(b"data"), "in.jsonl", "batch")

    async def away(name: str) -> bytes:
        raise StoreAway("not now")

    monkeypatch.setattr(files.store, "get", away)
    with pytest.raises(StoreAway):
        await files.page()
    with pytest.raises(StoreAway):
        await files.sweep()
