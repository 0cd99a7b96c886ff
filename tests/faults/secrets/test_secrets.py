"""A broker's password never leaves the URL it came in: no log, no answer and no output shows it, whatever fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from broker.common.free_port import free_port
from broker.embedded import Server, embedded_server
from tests.faults.kit.broker_process import NO_VARIABLES, broker_process
from tests.faults.kit.command import jitney
from tests.integration.processes import FrontEnd, Process
from tests.integration.stack import Stack, stack
from tests.waiting import until

SPEC = "synthetic:1ms+0ms"
SECRET = "pass-1f7c9e"
ODD = "1f7c9e#pass/1f7c9e"  # what a person pastes without encoding it
COMMANDS = ("status", "doctor")


def wrong_password(server: Server) -> str:
    return server.url.replace("//", f"//someone:{SECRET}@")


def dead_port(server: Server) -> str:
    return f"redis://:{SECRET}@127.0.0.1:{free_port()}/0"


def no_tls(server: Server) -> str:
    return server.url.replace("redis://", f"rediss://someone:{SECRET}@")


def not_encoded(server: Server) -> str:
    return server.url.replace("//", f"//someone:{ODD}@")


def two_signs(server: Server) -> str:
    return server.url.replace("//", f"//:my@{SECRET}/part@")


def like_an_address(server: Server) -> str:
    """Read as it stands the host is `someone`, and its port a piece of the password."""
    return server.url.replace("//", "//someone:12345#1f7c9e@")


def by_query(server: Server) -> str:
    return f"{server.url}?username=someone&password={SECRET}"


def misspelled_option(server: Server) -> str:
    return f"{server.url}?passwort={SECRET}"


@pytest.mark.parametrize("broken", [wrong_password, dead_port, no_tls, by_query])
def test_no_failure_shows_a_password(broken: Callable[[Server], str]) -> None:
    with embedded_server(tcp=True, environ=NO_VARIABLES) as server, stack([], 0, broker=server) as system:
        url = broken(server)
        front_end, batcher = start_both(system, url)
        said = [jitney(command, url=url).all for command in COMMANDS]
        said += [_after_complaining(system, child) for child in (front_end, batcher)]
        said.append(front_end.get("/readyz").body.decode())
        said.append(front_end.post("/models/synthetic", {"payload": {"records": []}}).body.decode())

    assert_nothing_leaked(said)


@pytest.mark.parametrize("broken", [not_encoded, two_signs, like_an_address, misspelled_option])
def test_a_url_that_cannot_be_read_ends_a_process_without_being_repeated(broken: Callable[[Server], str]) -> None:
    with embedded_server(tcp=True, environ=NO_VARIABLES) as server, stack([], 0, broker=server) as system:
        url = broken(server)
        both = start_both(system, url)
        codes = [child.wait() for child in both]
        said = [jitney(command, url=url).all for command in COMMANDS] + [child.stderr() for child in both]

    assert codes == [1, 1]
    assert_nothing_leaked(said)


def start_both(system: Stack, url: str) -> tuple[FrontEnd, Process]:
    front_end = system.start_front_end(wait=False, log_level="debug", JITNEY_REDIS_URL=url)
    return front_end, system.start_batcher(SPEC, wait=False, log_level="debug", JITNEY_REDIS_URL=url)


def assert_nothing_leaked(said: Sequence[str]) -> None:
    for words in said:
        assert words and "1f7c9e" not in words and "12345" not in words, words
        assert "Traceback" not in words, words


def _after_complaining(system: Stack, child: Process) -> str:
    """What it said once it has met the failure."""
    met = ("broker not met", "broker not reached")
    system.until(lambda: any(word in child.stderr() for word in met), f"{child.title} complains", child)
    return child.stderr()


def test_a_password_that_works_is_not_shown_either() -> None:
    with broker_process("--requirepass", SECRET, start=False) as broker:
        url = broker.url.replace("//", f"//:{SECRET}@")
        broker.start(wait=False)
        until(lambda: jitney("status", url=url).code == 0, "the broker answers", within=15.0)
        with stack([SPEC], broker=Server(url=url, kind=broker.kind)) as system:
            broker.kill()
            until(lambda: system.get("/readyz").json()["status"] == "degraded", "it is noticed")
            said = [system.get("/readyz").body.decode(), jitney("status", url=url).all, jitney("doctor", url=url).all]
            said.append(system.outputs())

    assert all(words and SECRET not in words for words in said)
