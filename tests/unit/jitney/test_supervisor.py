"""All children of one `jitney up` together."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from jitney.up.child import GaveUp
from jitney.up.plan import ChildSpec, Role
from jitney.up.probe import Probe
from jitney.up.screen import Screen
from jitney.up.supervisor import Supervisor
from tests.unit.jitney.ears import POLITE, STUBBORN, Ear, tiny

pytestmark = pytest.mark.anyio


class Eager(Probe):
    """Finds everything ready at once."""

    async def is_ready(self, spec: ChildSpec) -> bool:
        return True

    async def live_models(self) -> Sequence[Mapping[str, Any]]:
        return []


class Shy(Eager):
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


class Slow(Eager):
    """Finds all ready but these."""

    def __init__(self, *titles: str) -> None:
        super().__init__("127.0.0.1", 1)
        self._titles = titles

    async def is_ready(self, spec: ChildSpec) -> bool:
        return spec.title not in self._titles


class Quiet(Screen):
    """Lets an ear hear what a person would see."""

    def __init__(self, ear: Ear) -> None:
        super().__init__()
        self._ear = ear

    def say(self, text: str) -> None:
        self._ear(text)

    def show(self, lines: Sequence[str]) -> None:
        self._ear("greeting " + " ".join(lines))

    def complain(self, text: str) -> None:
        self._ear(f"complaint: {text}")

    def relay(self, title: str, line: str) -> None:
        self._ear(f"{title}: {line}")


def _house(ear: Ear, *table: ChildSpec) -> Supervisor:
    return Supervisor(table, Eager("127.0.0.1", 1), Quiet(ear))


def _impossible(role: Role) -> ChildSpec:
    """Raises as soon as it is started."""
    return ChildSpec(title=role, role=role, command=("/no/such/program",))


async def test_front_ends_end_before_batchers(ear: Ear) -> None:
    house = _house(ear, tiny(POLITE, "batcher"), tiny(POLITE, "front end", Role.FRONT_END))
    running = asyncio.create_task(house.run())
    await ear.hears("batcher: up")
    await ear.hears("front end: up")

    house.end()
    clean = await running

    assert clean
    assert [line for line in ear.lines if "bye" in line] == ["front end: bye", "batcher: bye"]


async def test_asked_twice_everything_is_killed(ear: Ear) -> None:
    house = _house(ear, tiny(STUBBORN, "batcher"), tiny(STUBBORN, "front end", Role.FRONT_END))
    running = asyncio.create_task(house.run())
    await ear.hears("batcher: up")
    await ear.hears("front end: up")

    house.end()
    house.end()
    clean = await running

    assert not clean


async def test_a_child_that_gives_up_ends_the_others(ear: Ear) -> None:
    table = [tiny("raise SystemExit(2)", "batcher"), tiny(POLITE, "front end", Role.FRONT_END)]
    house = Supervisor(table, Shy(), Quiet(ear))

    with pytest.raises(GaveUp):
        await house.run()


async def test_when_all_are_ready_the_greeting_is_shown(ear: Ear) -> None:
    house = _house(ear, tiny(POLITE, "batcher"))
    running = asyncio.create_task(house.run())

    await ear.hears("greeting")

    house.end()
    await running


@pytest.mark.parametrize("role", [Role.BROKER, Role.BATCHER])
async def test_only_a_private_brokers_url_is_shown(ear: Ear, role: Role) -> None:
    house = Supervisor([tiny(POLITE, role=role)], Eager("127.0.0.1", 1, "redis://:secret@h"), Quiet(ear))
    running = asyncio.create_task(house.run())

    await ear.hears("greeting")

    house.end()
    await running
    assert ("secret" in "".join(ear.lines)) == (role is Role.BROKER)


async def test_nobody_is_started_before_the_broker_is_ready(ear: Ear) -> None:
    probe = Shy()
    table = [tiny(POLITE, role=Role.BROKER), _impossible(Role.BATCHER), _impossible(Role.FRONT_END)]
    house = Supervisor(table, probe, Quiet(ear))
    running = asyncio.create_task(house.run())
    await probe.looked.wait()

    house.end()

    assert await running


HOPELESS = "print('error: no such model'); raise SystemExit(2)"


async def test_one_that_cannot_start_is_said_and_the_others_go_on(ear: Ear) -> None:
    table = [tiny(HOPELESS, "bad"), tiny(POLITE, "good"), tiny(POLITE, "front end", Role.FRONT_END)]
    house = Supervisor(table, Slow("bad"), Quiet(ear))
    running = asyncio.create_task(house.run())

    await ear.hears("complaint: bad cannot start: no such model; the others go on without it")
    await ear.hears("greeting")
    await ear.hears("complaint: not served: bad cannot start")
    await ear.hears("good: up")
    await ear.hears("front end: up")

    house.end()
    assert await running
    assert [str(error) for error in house.given_up.values()] == ["bad cannot start: no such model"]
    assert [line for line in ear.lines if "bye" in line] == ["front end: bye", "good: bye"]


async def test_when_nothing_is_left_to_serve_it_ends(ear: Ear) -> None:
    table = [tiny(HOPELESS, "one"), tiny(HOPELESS, "two"), tiny(POLITE, "front end", Role.FRONT_END)]

    with pytest.raises(GaveUp, match="no such model"):
        await Supervisor(table, Slow("one", "two"), Quiet(ear)).run()
