"""What a front end writes to its log, and what it never writes there."""

from __future__ import annotations

import json
import logging

import pytest
import structlog

from broker.common.logs import configure_logging
from server.codecs import encoding
from server.codecs.work import UNBOUNDED
from server.webhooks.signature import secrets_in
from tests.unit.server.stand_in import running
from tests.webhook_receiver import LOOPBACK, SECRET, local_receiver

pytestmark = pytest.mark.anyio


class Clumsy:
    def encode(self, input, options, work):
        raise KeyError("no such piece")


@pytest.fixture
def logging_restored():
    root = logging.getLogger()
    before = root.handlers, root.level, logging.getLogger("uvicorn").level, structlog.get_config()
    yield
    root.handlers, root.level = before[0], before[1]
    logging.getLogger("uvicorn").setLevel(before[2])
    structlog.reset_defaults()
    structlog.configure(**before[3])


def test_lines_are_json_where_nobody_watches(capsys, logging_restored):
    configure_logging("info")

    structlog.get_logger("x").info("refused", code="contended")

    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["code"], line["level"]) == ("refused", "contended", "info")


def test_lines_of_libraries_are_json_too(capsys, logging_restored):
    configure_logging("info")

    logging.getLogger("asyncio").warning("slow")

    assert json.loads(capsys.readouterr().err)["event"] == "slow"


def test_a_line_holds_no_password_whatever_it_is_told(capsys, logging_restored):
    configure_logging("info")
    log = structlog.get_logger("x")

    log.warning("at redis://:secret@h", url="redis://u:secret@h:1/0", more=[{"a": "unix://a:secret@/s"}])
    logging.getLogger("redis").error("no redis://u:se@cret/secret@h")
    try:
        raise OSError("redis://u:secret@h:1/0")
    except OSError:
        log.exception("failed")

    said = capsys.readouterr().err
    assert "secret" not in said and said.count("redis://") == 5


def test_what_a_codec_stumbles_over_is_in_no_line_about_it(capsys, logging_restored, monkeypatch):
    configure_logging("info")
    monkeypatch.setattr(encoding, "log", structlog.get_logger("x"))  # for a logger keeps what it first writes to
    encoding._log_failed.is_over()  # what another test made it tell

    encoding.encode(Clumsy(), "my secret", {}, UNBOUNDED)

    said = capsys.readouterr()
    assert "my secret" not in said.out + said.err
    assert json.loads(said.err)["event"] == "codec failed"


def test_less_severe_lines_are_not_written(capsys, logging_restored):
    configure_logging("warning")

    structlog.get_logger("x").info("refused")

    assert capsys.readouterr().err == ""


async def test_a_refusal_is_one_line_with_id_and_code_and_without_the_text():
    with structlog.testing.capture_logs() as lines:
        async with running() as jitney:
            await jitney.ask("impossible", headers={"X-Request-ID": "abc"})

    (line,) = [line for line in lines if line["event"] == "refused"]
    assert (line["request_id"], line["code"], line["status"]) == ("abc", "invalid_input", 422)
    assert "impossible" not in str(lines)


TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    ("sent", "logged"),
    [
        pytest.param(f"00-{TRACE}-00f067aa0ba902b7-01", TRACE, id="a good one"),
        pytest.param(f"cc-{TRACE}-00f067aa0ba902b7-01-later", TRACE, id="one of a later version"),
        pytest.param("00-nonsense", None, id="a bad one"),
    ],
)
async def test_a_trace_id_is_part_of_the_line(sent, logged):
    with structlog.testing.capture_logs() as lines:
        async with running() as jitney:
            await jitney.ask("impossible", headers={"traceparent": sent})

    (line,) = [line for line in lines if line["event"] == "refused"]
    assert line.get("trace_id") == logged


async def test_the_lines_of_a_prediction_and_its_webhook_name_the_request_that_asked_for_it():
    settings = {"webhooks": True, "webhook_allow": LOOPBACK}
    with local_receiver() as receiver, structlog.testing.capture_logs() as lines:
        async with running(**settings) as jitney:
            jitney.front_end.webhook_secrets = secrets_in(SECRET)
            asked = {"X-Request-ID": "abc", "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
            await jitney.ask("life", headers=asked | {"Prefer": "respond-async", "Jitney-Webhook": receiver.url})
            await jitney.until(lambda: [line for line in lines if line["event"] == "webhook"])

    told = {line["event"]: (line.get("request_id"), line.get("trace_id")) for line in lines}
    assert told["prediction ended"] == told["webhook"] == ("abc", TRACE)


async def test_the_failed_records_of_a_request_are_one_line_however_many_they_are():
    async with running() as jitney:
        with structlog.testing.capture_logs() as lines:
            await jitney.ask("a", *["fail:poison"] * 100, *["impossible"] * 100, headers={"X-Request-ID": "abc"})

    (line,) = lines
    assert (line["event"], line["request_id"], line["model"]) == ("records failed", "abc", "echo@r1")
    assert (line["records"], line["codes"]) == (201, {"poison": 100, "invalid_input": 100})
    assert (len(line["jobs"]), line["more_jobs"]) == (16, 84)


@pytest.mark.parametrize("text", ["bug", "undecodable", "fail:model_error"])
async def test_a_mistake_that_every_record_of_a_request_shares_is_a_few_lines(text):
    async with running() as jitney:
        with structlog.testing.capture_logs() as lines:
            await jitney.ask(*[text] * 256)

    assert len(lines) <= 3, [line["event"] for line in lines]


async def test_a_good_answer_is_no_line():
    async with running() as jitney:
        with structlog.testing.capture_logs() as lines:
            await jitney.ask("life")

    assert lines == []
