"""Files by real processes: any front end has them, in bounded memory, and half a file is none."""

from __future__ import annotations

import re
import resource
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

import openai
import pytest

from tests.integration.processes import FrontEnd
from tests.integration.stack import Stack, stack
from tests.s3_server import BUCKET, s3_server

LINE = b'{"custom_id": "1", "method": "POST", "url": "/v1/embeddings", "body": {"input": "text"}}\n'
LARGE = 48 << 20  # bytes
MOST_MORE = 24 << 10  # KiB of memory that a large file may take on its way
HALF = b"\r\n".join(
    [
        b"POST /v1/files HTTP/1.1",
        b"Host: jitney",
        b"Content-Type: multipart/form-data; boundary=b",
        b"Content-Length: 50000000",
        b"",
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="in.jsonl"\r\n',
        LINE * 40_000,
    ]
)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="module")
def system(directory: Path) -> Iterator[Stack]:
    with stack(models=[], front_ends=2, files=directory) as made:
        yield made


def client(front_end: FrontEnd) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{front_end.url}/v1", api_key="none", max_retries=0)


def lifecycle(front_ends: Sequence[FrontEnd], data: bytes) -> None:
    """Brought to the first front end, found, fetched and deleted at the second."""
    one, other = map(client, front_ends[:2])
    with one, other:
        made = one.files.create(file=("in.jsonl", data), purpose="batch")
        assert other.files.retrieve(made.id) == made
        assert [file.id for file in other.files.list()] == [made.id]
        assert other.files.content(made.id).content == data
        assert other.files.delete(made.id).deleted
        assert [file.id for file in one.files.list()] == []


def unfinished(directory: Path) -> list[Path]:
    return list((directory / ".unfinished").glob("*"))


def peak(front_end: FrontEnd) -> int:
    """The most memory that it has had, KiB."""
    status = Path(f"/proc/{front_end.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+)", status)
    assert found
    return int(found[1])


def test_any_front_end_has_a_file_and_a_large_one_takes_no_more_memory(system: Stack) -> None:
    lifecycle(system.front_ends, LINE)
    before = [peak(front_end) for front_end in system.front_ends[:2]]

    lifecycle(system.front_ends, LINE * (LARGE // len(LINE)))

    more = [peak(front_end) - was for front_end, was in zip(system.front_ends, before, strict=False)]
    assert max(more) < MOST_MORE, more


def test_any_front_end_has_a_file_of_a_bucket_too(system: Stack) -> None:
    with s3_server() as variables:
        settings = {"files": f"s3://{BUCKET}/here", **variables}
        front_ends = [system.start_front_end(wait=False, **settings) for _ in range(2)]
        for front_end in front_ends:
            system.wait_ready(front_end)

        lifecycle(front_ends, LINE * 110_000)  # in parts

        for front_end in front_ends:
            front_end.kill()


def test_half_a_file_is_none_after_a_kill_and_nothing_of_it_stays(system: Stack, directory: Path) -> None:
    first, dying = system.front_ends[0], system.start_front_end()
    with client(first) as other, socket.create_connection(("127.0.0.1", dying.port)) as sending:
        kept = other.files.create(file=("in.jsonl", LINE), purpose="batch")
        sending.sendall(HALF)
        system.until(lambda: any(path.stat().st_size for path in unfinished(directory)), "half of it lies there", dying)

        dying.kill()
        assert len(unfinished(directory)) == 1
        system.start_front_end()

        system.until(lambda: not unfinished(directory), "the half is gone", first)
        assert [file.id for file in other.files.list()] == [kept.id]
        assert other.files.content(kept.id).content == LINE
        assert len(list((directory / "data").iterdir())) == 1
        other.files.delete(kept.id)


def test_a_full_disk_is_told_and_nothing_else_suffers(system: Stack, directory: Path) -> None:
    first = system.front_ends[0]
    with client(first) as one:
        resource.prlimit(first.pid, resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))

        with pytest.raises(openai.InternalServerError) as refused:
            one.files.create(file=("in.jsonl", LINE * 50_000), purpose="batch")
        resource.prlimit(first.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert one.files.list().data == []
        lifecycle(system.front_ends, LINE * 50_000)

        assert (refused.value.status_code, refused.value.code) == (507, "store_full")
        assert unfinished(directory) == []
        assert first.get("/livez").status == 200
