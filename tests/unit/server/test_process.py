"""Settings, ports, logs and signals of a front-end process."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import subprocess
import sys

import pytest
import structlog

from broker.common.logs import configure_logging
from broker.errors import BrokerUnfit
from broker.settings import parser_for, pick
from server.__main__ import main
from server.fleet.defaults import parse_defaults
from server.http.ports import PortTaken, listening, metrics_served
from server.http.uvicorn_server import Server, uvicorn_config
from server.settings import ServerSettings
from tests.unit.server.stand_in import running

pytestmark = pytest.mark.anyio


def read(*arguments, **environ):
    values = parser_for("server", "", ServerSettings, environ=environ).parse_args(arguments)
    return pick(ServerSettings, values)


def test_the_port_is_9527():
    assert (read().port, read().metrics_port, read().host) == (9527, 9528, "127.0.0.1")


def test_a_flag_beats_the_environment():
    assert read("--port", "1", JITNEY_PORT="2").port == 1


def test_the_environment_beats_the_default():
    assert read(JITNEY_MAX_QUEUE_JOBS="7").max_queue_jobs == 7


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--port", "70000"], "--port is a port"),
        (["--metrics-port", "-1"], "--metrics-port is a port"),
        (["--max-records", "0"], "--max-records must be above 0"),
        (["--max-body-bytes", "-5"], "--max-body-bytes must be above 0"),
        (["--default-timeout", "0"], "--default-timeout must be above 0"),
        (["--drain-seconds", "nan"], "--drain-seconds: say a finite number"),
        (["--namespace", "a}b"], "is not spelled as"),
        (["--default-timeout", "900"], "--default-timeout is above --max-timeout"),
        (["--drain-seconds", "-1"], "--drain-seconds must not be below 0"),
        (["--host", ""], "--host is empty"),
        (["--host", "http://0.0.0.0"], "--host takes an address, not a URL"),
        (["--default-models", "embedding"], "--default-models: 'embedding' is not spelled as task=name"),
        (["--default-models", "embedding=A b"], "is not spelled as task=name"),
        (["--default-models", "embedding=a,embedding=b"], "two models are named for embedding"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(flags, complaint, capsys):
    with pytest.raises(SystemExit) as caught:
        main(flags)

    assert caught.value.code == 2
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize("text", ["embedding=a,translation=b", " embedding = a , translation = b ,", ""])
def test_default_models_are_read_by_task(text):
    assert parse_defaults(text) == ({"embedding": "a", "translation": "b"} if text else {})


@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    [
        ("JITNEY_PORT", "abc", "error: JITNEY_PORT: invalid int value: 'abc'"),
        ("JITNEY_PORT", "70000", "error: JITNEY_PORT is a port"),
        ("JITNEY_REUSE_PORT", "maybe", "error: JITNEY_REUSE_PORT: say on or off"),
        ("JITNEY_LOG_LEVEL", "loud", "error: JITNEY_LOG_LEVEL: choose one of"),
        ("JITNEY_DEFAULT_TIMEOUT", "900", "error: JITNEY_DEFAULT_TIMEOUT is above --max-timeout"),
    ],
)
def test_what_is_wrong_with_a_variable_is_said_of_the_variable(variable, value, complaint, capsys, monkeypatch):
    monkeypatch.setenv(variable, value)

    with pytest.raises(SystemExit):
        main([])

    assert complaint in capsys.readouterr().err


def test_a_taken_port_of_a_variable_is_said_of_the_variable(taken_port):
    environ = {**os.environ, "JITNEY_PORT": str(taken_port)}

    ended = subprocess.run([sys.executable, "-m", "server"], env=environ, capture_output=True, text=True, timeout=30)

    assert ended.returncode == 1
    assert ended.stderr.startswith("python -m server: port ") and ended.stderr.count("\n") == 1
    assert ended.stderr.endswith("choose another with JITNEY_PORT\n")


def test_a_flag_makes_a_variable_that_cannot_be_meant_harmless():
    assert read("--port", "1", JITNEY_PORT="abc").port == 1


def test_a_url_in_the_wrong_place_is_not_repeated_with_its_password(capsys):
    with pytest.raises(SystemExit):
        main(["redis://:a/secret@h"])

    assert "secret" not in capsys.readouterr().err


def test_the_defaults_have_nothing_to_complain_about():
    assert ServerSettings().complaints() == []


@pytest.fixture
def taken_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_listening_on_a_taken_port_names_the_flag(taken_port):
    said = f"port {taken_port} on 127.0.0.1 is taken: stop what listens there, or choose another with --port"

    with pytest.raises(PortTaken, match=said), listening(ServerSettings(port=taken_port)):
        pass


def test_a_port_that_somebody_is_about_to_listen_on_is_taken_too():
    with listening(ServerSettings(port=0)) as first:
        port = first.getsockname()[1]

        with pytest.raises(PortTaken), listening(ServerSettings(port=port)):
            pass


async def test_a_taken_metrics_port_names_the_flag(taken_port):
    async with running(metrics_port=taken_port) as jitney:
        with pytest.raises(PortTaken, match="--metrics-port"), metrics_served(jitney.front_end):
            pass


async def test_metrics_can_be_switched_off():
    async with running(metrics_port=0) as jitney:
        with metrics_served(jitney.front_end):
            pass


def test_an_address_of_somebody_else_names_the_flags():
    with pytest.raises(PortTaken, match="--host"), listening(ServerSettings(host="192.0.2.1", port=0)):
        pass


def test_several_front_ends_may_share_a_port():
    with listening(ServerSettings(port=0, reuse_port=True)) as first:
        port = first.getsockname()[1]

        with listening(ServerSettings(port=port, reuse_port=True)) as second:
            assert second.getsockname()[1] == port


def make_server(jitney):
    return Server(uvicorn_config(jitney.app, jitney.front_end.settings), jitney.front_end)


async def test_sigterm_makes_unready_and_leaves_the_port_open_for_a_while():
    async with running(drain_seconds=60.0) as jitney:
        server = make_server(jitney)

        server.drain()

        assert (jitney.front_end.is_draining, server.should_exit) == (True, False)


async def test_the_port_closes_when_the_draining_is_over_and_what_waits_is_finished():
    async with running(drain_seconds=0.0) as jitney:
        server = make_server(jitney)

        server.drain()
        await jitney.until(lambda: server.should_exit)

        assert not server.force_exit


async def test_a_second_sigterm_closes_the_port_at_once():
    async with running(drain_seconds=60.0) as jitney:
        server = make_server(jitney)

        server.drain()
        server.drain()

        assert (server.should_exit, server.force_exit) == (True, False)


async def test_who_says_stop_twice_does_not_wait_for_anybody():
    async with running() as jitney:
        server = make_server(jitney)

        server.stop()
        server.stop()

        assert server.force_exit


async def test_the_end_of_the_draining_does_not_hurry_those_who_still_wait():
    async with running(drain_seconds=0.0) as jitney:
        server = make_server(jitney)

        server.drain()
        server.drain()
        for _ in range(3):
            await asyncio.sleep(0)

        assert not server.force_exit


async def test_the_first_reason_to_give_up_is_the_one_that_is_told():
    async with running() as jitney:
        server = make_server(jitney)

        server.give_up(BrokerUnfit("first"))
        server.give_up(BrokerUnfit("second"))

        assert (str(server.reason), server.should_exit) == ("first", True)


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


def test_a_front_end_imports_no_torch_and_no_tokenizer_before_a_card_asks_for_one():
    program = "import sys, server.__main__; print(*sys.modules)"

    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()

    assert {"torch", "transformers", "numpy", "sentencepiece", "tokenizers", "batcher", "jitney"} & set(loaded) == set()
