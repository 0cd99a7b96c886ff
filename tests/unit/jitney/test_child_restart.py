"""A child that is started again because its files have changed."""

from __future__ import annotations

import asyncio

import pytest

from jitney.up.child import GaveUp
from jitney.up.plan import Role
from tests.unit.jitney.children import POLITE, STAYS, STUBBORN, MakeChild, Output

pytestmark = pytest.mark.anyio

HOPELESS = "print('python -m batcher: no class Mine'); raise SystemExit(2)"
CRASHES = "print('Traceback'); print('NameError: oh'); raise SystemExit(1)"


async def test_it_may_say_goodbye_and_starts_again_without_a_pause(make_child: MakeChild, output: Output) -> None:
    child = make_child(POLITE)
    running = asyncio.create_task(child.run())
    await output.wait_for("up")
    child.mark_ready()
    output.lines.clear()

    child.restart()
    await output.wait_for("up")

    child.stop()
    await running
    assert child.starts == 2
    assert output.lines == ["bye", "up", "bye"]


async def test_one_that_is_still_loading_is_not_waited_for(
    make_child: MakeChild, output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jitney.up.child.LOADING_GRACE", 0.01)
    child = make_child(STUBBORN)
    running = asyncio.create_task(child.run())
    await output.wait_for("up")
    output.lines.clear()

    child.restart()
    await output.wait_for("up")

    child.kill()
    await running
    assert "it did not end within 0.01 s: killed" in output.lines


async def test_one_that_pauses_after_a_crash_starts_at_once(make_child: MakeChild, output: Output) -> None:
    child = make_child(CRASHES)
    child._delay.first = child._delay.longest = 3600.0
    running = asyncio.create_task(child.run())
    await output.wait_for("it starts again in 3600 s")
    output.lines.clear()

    child.restart()
    await output.wait_for("it starts again in 3600 s")

    child.stop()
    await running
    assert child.starts == 2


@pytest.mark.parametrize(("program", "why"), [(HOPELESS, "no class Mine"), (CRASHES, "NameError: oh")])
async def test_one_that_cannot_start_says_why_once_and_waits_for_a_change(
    make_child: MakeChild, output: Output, program: str, why: str
) -> None:
    child = make_child(program, is_watched=True)
    running = asyncio.create_task(child.run())

    await output.wait_for(f"it cannot start: {why}; it waits for a change")
    assert child.trouble == f"it cannot start: {why}"
    output.lines.clear()
    child.restart()
    assert child.trouble == ""
    await output.wait_for("it waits for a change")

    child.stop()
    await running
    assert child.starts == 2


async def test_one_that_cannot_start_any_more_waits_too(make_child: MakeChild, output: Output) -> None:
    child = make_child(HOPELESS, is_watched=True)
    child.mark_ready()
    child.ready = False  # that was another process
    running = asyncio.create_task(child.run())

    await output.wait_for("it waits for a change")

    child.stop()
    await running


async def test_one_that_had_started_and_crashes_is_started_again_as_any(make_child: MakeChild, output: Output) -> None:
    child = make_child(CRASHES, is_watched=True)
    running = asyncio.create_task(child.run())
    child.mark_ready()

    await output.wait_for("it ended with code 1; it starts again in 0.001 s")

    child.stop()
    await running


async def test_one_that_is_killed_while_it_loads_is_started_again_as_any(make_child: MakeChild, output: Output) -> None:
    child = make_child("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", is_watched=True)
    running = asyncio.create_task(child.run())

    await output.wait_for("it starts again in 0.001 s")

    child.stop()
    await running


@pytest.mark.parametrize(
    ("program", "role"),
    [
        (HOPELESS, Role.FRONT_END),
        ("print('python -m server: port 9 is taken: choose another'); raise SystemExit(1)", Role.FRONT_END),
    ],
)
async def test_what_no_change_of_files_can_mend_is_given_up_as_ever(
    make_child: MakeChild, program: str, role: Role
) -> None:
    child = make_child(program, role=role, is_watched=True)

    with pytest.raises(GaveUp):
        await child.run()


async def test_asked_to_start_again_and_to_end_it_ends(make_child: MakeChild, output: Output) -> None:
    child = make_child(STAYS)
    running = asyncio.create_task(child.run())
    await output.wait_for("up")

    child.restart()
    child.stop()
    await running

    assert child.starts == 1 and child.pid is None
