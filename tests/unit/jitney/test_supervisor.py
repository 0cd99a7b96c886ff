"""All children of one `jitney up` together."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from jitney.up.child import GaveUp
from jitney.up.plan import ChildSpec, Role
from jitney.up.probe import Probe
from jitney.up.screen import Screen
from jitney.up.supervisor import REMIND_EVERY, Supervisor
from tests.conftest import FakeClock
from tests.unit.jitney.children import POLITE, STUBBORN, Output, tiny

pytestmark = pytest.mark.anyio


class AllReady(Probe):
    """Finds everything ready at once."""

    async def is_ready(self, spec: ChildSpec) -> bool:
        return True

    async def live_models(self) -> Sequence[Mapping[str, Any]]:
        return []


class NoneReady(AllReady):
    """Finds nothing ready; `looked` is set with the second look."""

    def __init__(self) -> None:
        super().__init__("127.0.0.1", 1)
        self.looked = asyncio.Event()
        self._looks = 0

    async def is_ready(self, spec: ChildSpec) -> bool:
        self._looks += 1
        if self._looks > 1:
            self.looked.set()
        return False


class AllReadyBut(AllReady):
    """Finds all ready but these."""

    def __init__(self, *titles: str) -> None:
        super().__init__("127.0.0.1", 1)
        self._titles = titles

    async def is_ready(self, spec: ChildSpec) -> bool:
        return spec.title not in self._titles


class Recorded(Screen):
    """Records what a person would see."""

    def __init__(self, output: Output) -> None:
        super().__init__()
        self._output = output

    def say(self, text: str) -> None:
        self._output(text)

    def show(self, lines: Sequence[str]) -> None:
        self._output("greeting " + " ".join(lines))

    def complain(self, text: str) -> None:
        self._output(f"complaint: {text}")

    def relay(self, title: str, line: str) -> None:
        self._output(f"{title}: {line}")


def _supervisor(output: Output, *table: ChildSpec) -> Supervisor:
    return Supervisor(table, AllReady("127.0.0.1", 1), Recorded(output))


def _impossible(role: Role) -> ChildSpec:
    """Raises as soon as it is started."""
    return ChildSpec(title=role, role=role, command=("/no/such/program",))


async def test_front_ends_end_before_batchers(output: Output) -> None:
    supervisor = _supervisor(output, tiny(POLITE, "batcher"), tiny(POLITE, "front end", Role.FRONT_END))
    running = asyncio.create_task(supervisor.run())
    await output.wait_for("batcher: up")
    await output.wait_for("front end: up")

    supervisor.end()
    clean = await running

    assert clean
    assert [line for line in output.lines if "bye" in line] == ["front end: bye", "batcher: bye"]


async def test_asked_twice_everything_is_killed(output: Output) -> None:
    supervisor = _supervisor(output, tiny(STUBBORN, "batcher"), tiny(STUBBORN, "front end", Role.FRONT_END))
    running = asyncio.create_task(supervisor.run())
    await output.wait_for("batcher: up")
    await output.wait_for("front end: up")

    supervisor.end()
    supervisor.end()
    clean = await running

    assert not clean


async def test_a_child_that_gives_up_ends_the_others(output: Output) -> None:
    table = [tiny("raise SystemExit(2)", "batcher"), tiny(POLITE, "front end", Role.FRONT_END)]
    supervisor = Supervisor(table, NoneReady(), Recorded(output))

    with pytest.raises(GaveUp):
        await supervisor.run()


async def test_when_all_are_ready_the_greeting_is_shown(output: Output) -> None:
    supervisor = _supervisor(output, tiny(POLITE, "batcher"))
    running = asyncio.create_task(supervisor.run())

    await output.wait_for("greeting")

    supervisor.end()
    await running


async def test_one_that_has_just_died_is_not_still_waited_for(
    output: Output, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Late(AllReady):
        """The greeting takes longer than the time between two reminders."""

        async def live_models(self) -> Sequence[Mapping[str, Any]]:
            clock.tick(REMIND_EVERY + 1.0)
            return []

    monkeypatch.setattr("jitney.up.supervisor.time", clock)
    monkeypatch.setattr("jitney.up.supervisor.SLOW", 0.01)
    supervisor = Supervisor([tiny(POLITE, "batcher")], Late("127.0.0.1", 1), Recorded(output))
    running = asyncio.create_task(supervisor.run())
    await output.wait_for("greeting")
    output.lines.clear()

    pid = supervisor._children[0].pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await output.wait_for("batcher ready")

    supervisor.end()
    await running
    assert not [line for line in output.lines if "still waiting" in line]


@pytest.mark.parametrize("role", [Role.BROKER, Role.BATCHER])
async def test_only_a_private_brokers_url_is_shown(output: Output, role: Role) -> None:
    supervisor = Supervisor([tiny(POLITE, role=role)], AllReady("127.0.0.1", 1, "redis://:secret@h"), Recorded(output))
    running = asyncio.create_task(supervisor.run())

    await output.wait_for("greeting")

    supervisor.end()
    await running
    assert ("secret" in "".join(output.lines)) == (role is Role.BROKER)


async def test_nobody_is_started_before_the_broker_is_ready(output: Output) -> None:
    probe = NoneReady()
    table = [tiny(POLITE, role=Role.BROKER), _impossible(Role.BATCHER), _impossible(Role.FRONT_END)]
    supervisor = Supervisor(table, probe, Recorded(output))
    running = asyncio.create_task(supervisor.run())
    await probe.looked.wait()

    supervisor.end()

    assert await running


HOPELESS = "print('error: no such model'); raise SystemExit(2)"


async def test_one_that_cannot_start_is_said_and_the_others_go_on(output: Output) -> None:
    table = [tiny(HOPELESS, "bad"), tiny(POLITE, "good"), tiny(POLITE, "front end", Role.FRONT_END)]
    supervisor = Supervisor(table, AllReadyBut("bad"), Recorded(output))
    running = asyncio.create_task(supervisor.run())

    await output.wait_for("complaint: bad cannot start: no such model; the others go on without it")
    await output.wait_for("greeting")
    await output.wait_for("complaint: not served: bad cannot start")
    await output.wait_for("good: up")
    await output.wait_for("front end: up")

    supervisor.end()
    assert await running
    assert [str(error) for error in supervisor.given_up.values()] == ["bad cannot start: no such model"]
    assert [line for line in output.lines if "bye" in line] == ["front end: bye", "good: bye"]


async def test_when_nothing_is_left_to_serve_it_ends(output: Output) -> None:
    table = [tiny(HOPELESS, "one"), tiny(HOPELESS, "two"), tiny(POLITE, "front end", Role.FRONT_END)]

    with pytest.raises(GaveUp, match="no such model"):
        await Supervisor(table, AllReadyBut("one", "two"), Recorded(output)).run()
