"""The load generator's plan, its bodies, and a short run against a scripted server."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from benchmarks.lib.http_client import HttpClient
from benchmarks.load.command import Plan, main, measure, read_plan
from benchmarks.load.plan import bodies
from benchmarks.load.sending import sending
from broker.common.free_port import free_port
from tests.unit.benchmarks.scripted import read_request, server

pytestmark = pytest.mark.anyio


def plan(*arguments: str) -> Plan:
    return read_plan(["--concurrency", "2", *arguments])[0]


def records(body: bytes) -> list[dict[str, str]]:
    return json.loads(body)["payload"]["records"]


async def answering(status: bytes, body: bytes) -> list[str]:
    """The outcomes of one request to a server that says this."""

    async def script(reader, writer) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 %s -\r\ncontent-length: %d\r\n\r\n%s" % (status, len(body), body))

    async with server(script) as url:
        with HttpClient(url) as client:
            return [(await sending(client, plan().workload, [b"{}"])(0, 5.0)).outcome]


def test_a_request_has_as_many_records_as_asked_for():
    assert [len(records(body)) for body in bodies(plan("--records", "3"))] == [3]


def test_every_text_of_a_file_is_sent(tmp_path):
    (tmp_path / "texts").write_text("a\n\nb\nc\n")

    sent = bodies(plan("--texts-file", str(tmp_path / "texts"), "--records", "2"))

    assert [[record["text"] for record in records(body)] for body in sent] == [["a", "b"], ["c", "a"]]


def test_all_of_a_trace_is_sent_and_counted_unless_told_otherwise(tmp_path):
    (tmp_path / "trace").write_text("0.5,10\n30,20\n")
    asked = ["--replay", str(tmp_path / "trace")]

    whole, part = read_plan(asked)[0], read_plan([*asked, "--duration", "1", "--warm-up", "2"])[0]

    assert (whole.warm_up, whole.duration > 30) == (0.0, True)
    assert (part.warm_up, part.duration) == (2.0, 1.0)


def test_languages_make_it_a_translation():
    asked = plan("--from-lang", "en", "--to-lang", "ja")

    payload = json.loads(bodies(asked)[0])["payload"]

    assert (asked.workload.path, payload["fromLang"], payload["toLang"]) == ("/translation", "en", "ja")


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--duration", "1"], id="neither loop"),
        pytest.param(["--rate", "1", "--concurrency", "1"], id="both loops"),
        pytest.param(["--rate", "0"], id="no rate"),
        pytest.param(["--rate", "1", "--from-lang", "en"], id="one language"),
        pytest.param(["--rate", "1", "--texts-file", "/nowhere"], id="no file"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        read_plan(arguments)

    assert (ended.value.code, "error" in capsys.readouterr().err) == (2, True)


def test_the_closed_loop_says_what_it_hides():
    assert "waiting is hidden" in plan().title


async def test_a_whole_answer_is_a_200():
    assert await answering(b"200", b'{"result":[{"id":"0","text":"\\"error\\":{"}]}') == ["200"]


async def test_an_answer_in_which_a_record_failed_is_told_apart():
    assert await answering(b"200", b'{"result":[{"id":"0","error":{"code":"poison"}}]}') == ["200, records failed"]


async def test_a_refusal_is_its_status():
    assert await answering(b"503", b"{}") == ["503"]


async def test_a_server_that_is_gone_is_an_outcome():
    with HttpClient(f"http://127.0.0.1:{free_port()}") as client:
        answer = await sending(client, plan().workload, [b"{}"])(0, 5.0)

    assert answer.outcome == "ConnectionRefusedError"


TIMED = b'HTTP/1.1 200 OK\r\nserver-timing: queue;dur=1, batch;desc="4"\r\ncontent-length: 2\r\n\r\n{}'


async def test_a_short_run_counts_what_was_answered():
    async def script(reader, writer) -> None:
        while True:
            await read_request(reader)
            writer.write(TIMED)

    async with server(script) as url:
        asked = replace(plan("--duration", "0.2", "--warm-up", "0"), url=url)
        summary = await measure(asked)

    assert (summary.answered_share, summary.batch_size, summary.answered > 0) == (1.0, 4.0, True)


def test_nobody_listening_is_said_plainly(capsys):
    status = main(["--rate", "1", "--url", f"http://127.0.0.1:{free_port()}"])

    assert (status, "nothing listens at http://127.0.0.1:" in capsys.readouterr().err) == (1, True)


def test_each_request_of_a_trace_has_the_size_it_says(tmp_path):
    (tmp_path / "trace").write_text("0.0,4\n0.1,30\n")

    asked = read_plan(["--replay", str(tmp_path / "trace"), "--text", "abcdef"])[0]

    assert [len(records(body)[0]["text"]) for body in bodies(asked)] == [4, 30]


async def test_any_body_is_sent_as_it_is_to_any_endpoint(tmp_path):
    (tmp_path / "body").write_bytes(b"\xff\x00<x/>")
    seen = []

    async def script(reader, writer) -> None:
        seen.append(await read_request(reader))
        writer.write(TIMED)

    async with server(script) as url:
        body = ["--body", str(tmp_path / "body"), "--content-type", "text/xml", "--path", "/any/where"]
        await measure(replace(plan(*body, "--duration", "0.1", "--warm-up", "0"), url=url))

    head, _, sent = seen[0].partition(b"\r\n\r\n")
    assert (sent, head.startswith(b"POST /any/where ")) == (b"\xff\x00<x/>", True)
    assert b"Content-Type: text/xml\r\n" in head
