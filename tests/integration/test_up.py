"""`jitney up` as a person meets it: what it prints works, what dies comes back, what ends leaves nothing."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from broker.embedded import embedded_server
from tests.integration.up import READY, Up, running_up

Start = Callable[..., Up]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """`jitney up` with these arguments, on a free port unless they name one."""
    with contextlib.ExitStack() as cleanup:

        def run(*arguments: str, **environ: str) -> Up:
            return cleanup.enter_context(running_up(*arguments, output=tmp_path / "said", **environ))

        yield run


@pytest.fixture
def ready(start: Start) -> Up:
    up = start("--model", "synthetic:1ms+0ms")
    up.says(READY)
    return up


def test_the_line_that_it_shows_is_answered(ready: Up) -> None:
    reply = ready.call_as_shown()

    assert reply.json() == {"result": [{"id": "123", "text": ".setalocohc fo xob a ekil si efiL"}]}


def test_several_models_and_front_ends_become_ready(start: Start) -> None:
    up = start("--model", "a=synthetic:1ms+0ms", "--model", "b=synthetic:2ms+0ms", "--front-ends", "2")

    up.says(READY)

    for title in ("batcher a", "batcher b", "front end 1", "front end 2"):
        up.says(f"{title} ready")


@pytest.mark.parametrize(
    ("command", "title"), [("-m batcher", "batcher synthetic"), ("-m server", "front end 1"), ("broker.sock", "broker")]
)
def test_a_killed_child_is_started_again_and_answers(command: str, title: str, ready: Up) -> None:
    os.kill(ready.child(command), signal.SIGKILL)

    ready.says(f"{title} was ended by SIGKILL; it starts again")
    ready.says(f"{title} ready", times=2)
    ready.until(lambda: ready.call_as_shown().status == 200, "it answers again")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_end_it_ends_with_code_0_and_nothing_is_left(number: signal.Signals, ready: Up) -> None:
    pids = ready.children()

    ready.popen.send_signal(number)

    assert ready.ends() == 0
    assert [command for pid, command in pids.items() if _runs(pid)] == []


def test_killed_hard_it_takes_its_children_along(ready: Up) -> None:
    pids = ready.children()

    ready.popen.kill()

    ready.until(lambda: not any(_runs(pid) for pid in pids), "no child is left")


def test_a_bad_spec_ends_it_all_with_code_2_and_the_reason(start: Start) -> None:
    up = start("--model", "synthetic:nonsense")

    assert up.ends() == 2
    assert "jitney up: batcher synthetic cannot start: " in up.said()


def test_a_model_that_cannot_be_loaded_is_said_once_and_the_others_serve(start: Start) -> None:
    up = start("--model", "good=synthetic:1ms+0ms", "--model", "bad=translation:/nowhere")

    up.says("jitney up: batcher bad cannot start: there is no directory /nowhere; the others go on without it")
    up.says(READY)
    up.says("not served: batcher bad cannot start")
    assert up.call_as_shown().status == 200
    up.popen.send_signal(signal.SIGINT)

    assert up.ends() == 2
    assert "starts again" not in up.said() and "Traceback" not in up.said()


def test_what_goes_well_is_shown_only_to_who_asks(start: Start) -> None:
    up = start("--model", "synthetic:1ms+0ms")
    up.says(READY)
    assert up.call_as_shown().status == 200
    up.popen.send_signal(signal.SIGINT)
    assert up.ends() == 0
    quiet = up.said()

    up = start("--model", "synthetic:1ms+0ms", "--verbose")
    up.says(READY)
    assert up.call_as_shown().status == 200
    up.says("batcher synthetic | batch ")

    assert "batcher synthetic |" not in quiet and "front end 1 |" not in quiet


def test_nobody_on_the_machine_reads_a_password_off_its_command_lines(start: Start) -> None:
    with embedded_server(tcp=True, environ={"PATH": os.environ.get("PATH", "")}) as server:
        with redis.Redis.from_url(server.url) as client:
            client.config_set("requirepass", "hush-1f7c9e")
        url = server.url.replace("//", "//:hush-1f7c9e@")
        up = start("--model", "synthetic:1ms+0ms", JITNEY_REDIS_URL=url)
        up.says(READY)

        commands = list(up.children().values())

    assert len(commands) >= 2 and not any("1f7c9e" in command for command in commands)
    assert "1f7c9e" not in up.said()


def test_a_busy_port_is_told_before_anything_starts(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        up = start("--port", str(listener.getsockname()[1]))

        assert up.ends() == 1
    assert "is taken: end the program that listens there, or choose another with --port" in up.said()
    assert "broker ready" not in up.said()


def test_a_broker_that_is_named_and_dead_is_told_without_its_password(start: Start) -> None:
    up = start(JITNEY_REDIS_URL="redis://:secret@127.0.0.1:1/0")

    assert up.ends() == 1
    assert "JITNEY_REDIS_URL names redis://:…@127.0.0.1:1/0, which cannot be used" in up.said()


def _runs(pid: int) -> bool:
    state = subprocess.run(["ps", "-o", "state=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
    return state not in ("", "Z")
