"""A batch that is sent line by line: what is refused for now comes again, what has failed ends the measurement."""

from __future__ import annotations

import json

import pytest

from benchmarks.batches import senders
from benchmarks.batches.contract import GROUNDS, NotMeasured
from benchmarks.batches.headline import lines
from benchmarks.batches.senders import Sender
from benchmarks.lib.http_client import HttpClient, Reply

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def looks_at_once(monkeypatch):
    monkeypatch.setattr(senders, "EVERY", 0.0)


ANSWER = Reply(200, b"HTTP/1.1 200 OK\r\n", b"{}")
REFUSAL = Reply(429, b"HTTP/1.1 429\r\nRetry-After: 0\r\n", b"")


class Scripted(HttpClient):
    """Answers from a list; time is how many lines were sent."""

    def __init__(self, replies: list[Reply]) -> None:
        super().__init__("http://127.0.0.1:1")
        self.replies = replies
        self.sent: list[bytes] = []

    async def send(self, request: bytes) -> Reply:
        self.sent.append(request.rpartition(b"\r\n\r\n")[2])
        return self.replies[len(self.sent) - 1]


def sender(client: Scripted) -> Sender:
    return Sender(client=client, until=len(client.replies), now=lambda: len(client.sent))


async def test_a_line_that_is_refused_for_now_is_sent_again():
    client = Scripted([ANSWER, REFUSAL, ANSWER, ANSWER])
    batch = sender(client)

    await batch.send("/models/card", [b"1", b"2"], "bulk", in_flight=1)

    assert (client.sent, batch.refused) == ([b"1", b"2", b"2", b"1"], 1)


@pytest.mark.parametrize(
    "reply", [Reply(500, b"", b"broken"), Reply(200, b"", b'{"result":[{"id":"1","error":{"code":"expired"}}]}')]
)
async def test_a_line_that_has_failed_ends_the_measurement(reply):
    with pytest.raises(NotMeasured, match=reply.body.decode()[:6]):
        await sender(Scripted([reply])).send("/models/card", [b"1"], "bulk", in_flight=1)


@pytest.mark.parametrize("ground", GROUNDS, ids=lambda ground: ground.name)
def test_no_line_of_a_batch_is_sent_by_another(ground):
    batches = [set(lines(ground, number)) for number in range(3)]

    assert sum(map(len, batches)) == len(set.union(*batches)) == 192


def document(status: str, completed: int, failed: int = 0) -> Reply:
    counts = {"total": 9, "completed": completed, "failed": failed}
    return Reply(200, b"", json.dumps({"id": "batch_1", "status": status, "request_counts": counts}).encode())


async def test_what_is_left_of_a_file_is_cancelled_when_the_time_is_over():
    seen = [document("validating", 0), document("in_progress", 2), document("in_progress", 3)]
    client = Scripted([Reply(200, b"", b'{"id":"file-1"}'), *seen, document("cancelling", 3), document("cancelled", 3)])
    batch = Sender(client=client, until=4, now=lambda: len(client.sent))

    await batch.send_file("/models/card", [b"{}"])

    assert len(client.sent) == len(client.replies)


@pytest.mark.parametrize("seen", [document("completed", 9), document("in_progress", 2, failed=1)])
async def test_a_file_that_is_done_too_soon_or_has_failed_lines_ends_the_measurement(seen):
    client = Scripted([Reply(200, b"", b'{"id":"file-1"}'), document("validating", 0), seen])

    with pytest.raises(NotMeasured, match="before the end"):
        await Sender(client=client, until=9, now=lambda: len(client.sent)).send_file("/models/card", [b"{}"])
