"""What a store promises, on a directory and in object storage alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from server.files.store import READ, AlreadyThere, Store, StoreAway, open_store
from tests.s3_server import BUCKET

pytestmark = pytest.mark.anyio

LARGE = 9 << 20  # bytes: object storage takes it in parts


async def these(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def broken(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk
    raise LookupError("the sender has gone")


async def all_of(store: Store, name: str, offset: int = 0) -> list[bytes]:
    return [piece async for piece in store.read(name, offset)]


async def test_what_was_put_is_there(store: Store):
    await store.put("a/b", b"one")

    assert await store.get("a/b") == b"one"


async def test_the_last_put_counts(store: Store):
    await store.put("a/b", b"one")
    await store.put("a/b", b"two")

    assert await store.get("a/b") == b"two"


async def test_no_more_is_read_at_a_time_than_is_asked_for(store: Store):
    await store.put("a/b", b"one two")

    assert [piece async for piece in store.read("a/b", 1, most=4)] == [b"ne t", b"wo"]


async def test_what_nobody_put_is_not_there(store: Store):
    assert await store.get("a/b") is None
    with pytest.raises(FileNotFoundError):
        await all_of(store, "a/b")


async def test_a_new_name_is_put_once(store: Store):
    await store.put("a/b", b"one", is_new=True)

    with pytest.raises(AlreadyThere):
        await store.put("a/b", b"two", is_new=True)
    assert await store.get("a/b") == b"one"


async def test_of_many_who_put_the_same_new_name_one_does(store: Store):
    tries = [store.put("a/b", b"%d" % number, is_new=True) for number in range(6)]

    ends = await asyncio.gather(*tries, return_exceptions=True)

    first = ends.index(None)
    assert [type(end) for end in ends if end is not None] == [AlreadyThere] * 5
    assert await store.get("a/b") == b"%d" % first


@pytest.mark.parametrize("chunks", [[], [b"one"], [b"one", b"", b"two"], [bytes(100_000)] * (LARGE // 100_000)])
async def test_a_stream_is_kept_whole(store: Store, chunks: list[bytes]):
    size = await store.put_stream("a/b", these(*chunks))

    assert size == sum(map(len, chunks))
    assert b"".join(await all_of(store, "a/b")) == b"".join(chunks)


@pytest.mark.parametrize("chunk", [b"one", bytes(LARGE)], ids=["short", "long"])
async def test_a_stream_that_breaks_leaves_what_was_there(store: Store, chunk: bytes):
    await store.put("a/b", b"before")

    with pytest.raises(LookupError, match="the sender has gone"):
        await store.put_stream("a/b", broken(chunk, chunk))

    assert await store.get("a/b") == b"before"
    assert await store.tidy() == 0


async def test_it_is_read_in_pieces_from_any_place(store: Store):
    data = bytes(range(250)) * 10_000
    await store.put("a/b", data)

    pieces = await all_of(store, "a/b", 1_000)

    assert b"".join(pieces) == data[1_000:]
    assert max(map(len, pieces)) <= READ
    assert await all_of(store, "a/b", len(data)) == []


async def test_names_are_told_by_folder_and_in_order(store: Store):
    for name in ("a/2", "a/1", "a/c/3", "ab/4", "b"):
        await store.put(name, b"")

    assert await store.names("a") == ["a/1", "a/2", "a/c/3"]
    assert await store.names("a/c") == ["a/c/3"]
    assert await store.names("nowhere") == []


async def test_folders_are_told_once_each(store: Store):
    for name in ("a/2", "a/d/1", "a/c/3", "a/c/4", "ab/c/4"):
        await store.put(name, b"")

    assert await store.folders("a") == ["c", "d"]
    assert await store.folders("nowhere") == []


async def test_what_is_deleted_is_gone_also_twice(store: Store):
    await store.put("a/c/1", b"")
    await store.put("a/c/2", b"")
    await store.put("a/d/1", b"")

    for _ in range(2):
        await store.delete(["a/c/1", "a/c/2", "nowhere/at/all"])
    await store.delete([])

    assert await store.names("a") == ["a/d/1"]
    assert await store.folders("a") == ["d"]
    await store.put("a/c/1", b"again")
    assert await store.get("a/c/1") == b"again"


@pytest.mark.parametrize("name", ["", "/a", "a/", "a//b", "../a", "a/../b", ".a", "a/.b", "a\0", "a b", "ä", "a\n"])
async def test_names_that_could_lead_elsewhere_are_none(store: Store, name: str):
    with pytest.raises(ValueError, match="not a name"):
        await store.put(name, b"")
    with pytest.raises(ValueError, match="not a name"):
        await store.get(name)


@pytest.mark.parametrize(
    "address", ["http://host/x", "s3:/bucket", "s3://", "s3:///x", "s3://key:secret@bucket", "s3://bucket?x"]
)
def test_an_address_of_neither_kind_is_refused(address: str):
    with pytest.raises(ValueError, match=r"s3://bucket"):
        open_store(address)


async def test_a_long_stream_that_breaks_leaves_no_parts_in_the_bucket(bucket: Store, s3: dict[str, str]):
    import httpx2

    with pytest.raises(LookupError):
        await bucket.put_stream("a/b", broken(bytes(LARGE), bytes(LARGE)))

    left = httpx2.get(f"{s3['AWS_ENDPOINT_URL']}/{BUCKET}?uploads").text
    assert "ListMultipartUploadsResult" in left
    assert "<Upload>" not in left


async def test_a_bucket_that_is_not_there_is_an_error_and_no_empty_store(bucket: Store):
    elsewhere = open_store("s3://nobody-has-made-this")

    with pytest.raises(StoreAway, match="bucket"):
        await elsewhere.put("a/b", b"")
    with pytest.raises(StoreAway, match="bucket"):
        await elsewhere.get("a/b")
    with pytest.raises(StoreAway, match="bucket"):
        await elsewhere.names("a")


async def test_object_storage_that_nobody_answers_for_is_away(bucket: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setattr("server.files.bucket.MOST_RETRIES", 0)
    away = open_store(f"s3://{BUCKET}")

    with pytest.raises(StoreAway):
        await away.put("a/b", b"")
    with pytest.raises(StoreAway):
        await away.put_stream("a/b", these(bytes(LARGE)))
