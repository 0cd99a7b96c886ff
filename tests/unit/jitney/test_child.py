"""A child is kept running: started again, given up, ended, listened to."""

from __future__ import annotations

import asyncio

import pytest

from jitney.up.child import Child, GaveUp, RestartDelay, how_it_ended, reason
from jitney.up.plan import Role
from tests.unit.jitney.children import LIMIT, POLITE, STAYS, STUBBORN, MakeChild, Output, tiny

pytestmark = pytest.mark.anyio


def test_the_pause_after_a_death_doubles_up_to_half_a_minute() -> None:
    delay = RestartDelay()

    pauses = [delay.after(lived=1.0) for _ in range(8)]

    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]


def test_a_minute_of_life_resets_the_delay() -> None:
    delay = RestartDelay(deaths=5)

    pause = delay.after(lived=60.0)

    assert pause == 0.5


@pytest.mark.parametrize(("code", "words"), [(3, "ended with code 3"), (-9, "was ended by SIGKILL")])
def test_an_end_is_told_in_words(code: int, words: str) -> None:
    assert how_it_ended(code) == words


@pytest.mark.parametrize(
    ("lines", "matters"),
    [
        (["usage: x [-h]", "x: error: no such model", "  try y"], "no such model\n  try y"),
        (["cannot"], "cannot"),
        (['{"event": "loaded", "level": "info"}', "python -m batcher: no directory /x: y"], "no directory /x: y"),
        (['{"event": "odd", "level": "warning", "a": 1}'], "warning odd a=1"),
    ],
)
def test_of_a_usage_message_the_error_matters(lines: list[str], matters: str) -> None:
    assert reason(lines) == matters


async def test_a_child_that_ends_is_started_again(make_child: MakeChild, output: Output) -> None:
    child = make_child("print('hello'); raise SystemExit(3)")
    running = asyncio.create_task(child.run())

    await output.wait_for("it ended with code 3; it starts again in 0.002 s")

    child.stop()
    await running
    assert child.starts >= 2


async def test_the_last_lines_of_a_child_are_shown(make_child: MakeChild, output: Output) -> None:
    child = make_child("import sys; sys.stderr.write('oh no'); raise SystemExit(3)")
    running = asyncio.create_task(child.run())

    await output.wait_for("its last lines: oh no")

    child.stop()
    await running


async def test_a_child_that_calls_its_arguments_wrong_is_given_up(make_child: MakeChild) -> None:
    child = make_child("print('error: no such model'); raise SystemExit(2)")

    with pytest.raises(GaveUp, match="it cannot start: no such model"):
        await child.run()


async def test_a_child_that_was_ready_once_is_never_given_up(make_child: MakeChild, output: Output) -> None:
    child = make_child("raise SystemExit(2)")
    child.mark_ready()
    running = asyncio.create_task(child.run())

    await output.wait_for("starts again in 0.004 s")

    child.stop()
    await running


async def test_a_child_that_is_asked_to_end_may_say_goodbye(make_child: MakeChild, output: Output) -> None:
    child = make_child(POLITE)
    running = asyncio.create_task(child.run())
    await output.wait_for("up")

    child.stop()
    await running

    assert output.lines == ["up", "bye"]


async def test_a_child_that_will_not_end_is_killed_after_its_grace(make_child: MakeChild, output: Output) -> None:
    child = make_child(STUBBORN, grace=0.01)
    running = asyncio.create_task(child.run())
    await output.wait_for("up")

    child.stop()
    await running

    assert output.lines[-1] == "it did not end within 0.01 s: killed"


async def test_kill_does_not_wait_for_goodbyes(make_child: MakeChild, output: Output) -> None:
    child = make_child(STUBBORN)
    running = asyncio.create_task(child.run())
    await output.wait_for("up")

    child.kill()
    await running

    assert child.pid is None


async def test_a_dead_child_is_not_ready(make_child: MakeChild, output: Output) -> None:
    child = make_child(STAYS)
    running = asyncio.create_task(child.run())
    await output.wait_for("up")
    child.mark_ready()

    child.kill()
    await running

    assert not child.ready


async def test_a_line_without_end_is_passed_on_in_pieces(make_child: MakeChild, output: Output) -> None:
    child = make_child("print('x' * 200_000, end=''); import time; time.sleep(60)")
    running = asyncio.create_task(child.run())

    await output.wait_for("xxx")

    child.kill()
    await running


async def test_the_tables_environment_beats_ours_and_ours_beats_its_fallback(
    make_child: MakeChild, output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A", "ours")
    monkeypatch.setenv("B", "ours")
    program = "import os; print(*map(os.environ.get, ('A', 'B', 'C', 'JITNEY_METRICS_PORT'))); " + STAYS
    child = make_child(program, environ={"A": "table"}, fallback={"B": "fallback", "C": "fallback"}, metrics_port=7)
    running = asyncio.create_task(child.run())

    await output.wait_for("table ours fallback 7")

    child.kill()
    await running


async def test_a_child_ends_with_the_task_that_runs_it(make_child: MakeChild, output: Output) -> None:
    child = make_child(STAYS)
    running = asyncio.create_task(child.run())
    await output.wait_for("up")

    running.cancel()

    async with asyncio.timeout(LIMIT):
        while child.pid is not None:
            await asyncio.sleep(0)


async def test_a_private_broker_that_cannot_start_is_given_up(make_child: MakeChild) -> None:
    child = make_child("print('no memory'); raise SystemExit(1)", role=Role.BROKER)

    with pytest.raises(GaveUp, match="no memory"):
        await child.run()


async def test_a_child_that_says_why_it_cannot_be_is_given_up_with_its_own_code(make_child: MakeChild) -> None:
    child = make_child("print('python -m server: port 9 is taken: choose another'); raise SystemExit(1)")

    with pytest.raises(GaveUp, match="it cannot start: port 9 is taken: choose another") as caught:
        await child.run()

    assert caught.value.code == 1


async def test_a_child_that_crashes_is_started_again_less_and_less_often(make_child: MakeChild, output: Output) -> None:
    child = make_child("raise ValueError('python -m server: oh')")  # ends with 1 too
    running = asyncio.create_task(child.run())

    await output.wait_for("it starts again in 0.004 s (3 ends in a row)")

    child.stop()
    await running


async def test_a_child_that_the_system_killed_is_started_again_and_memory_is_named(
    make_child: MakeChild, output: Output
) -> None:
    child = make_child("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    running = asyncio.create_task(child.run())

    await output.wait_for("for lack of memory")

    child.stop()
    await running
    assert any("was ended by SIGKILL; it starts again" in line for line in output.lines)


async def test_last_words_are_shown_as_a_person_would_like_them(make_child: MakeChild, output: Output) -> None:
    child = make_child("""print('{"event": "broker lost", "level": "warning"}'); raise SystemExit(3)""")
    running = asyncio.create_task(child.run())

    await output.wait_for("its last lines: warning broker lost")

    child.stop()
    await running


async def test_lines_that_follow_quickly_are_passed_on_together(output: Output) -> None:
    together: list[list[str]] = [[]]  # what was passed on in one step of the loop

    def relay(line: str) -> None:
        if not together[-1]:
            asyncio.get_running_loop().call_soon(together.append, [])
        together[-1].append(line)
        output(line)

    said = "import time\nfor at in range(100): print(at, flush=True); time.sleep(0.001)\ntime.sleep(60)"
    child = Child(tiny(said), say=output, relay=relay)
    running = asyncio.create_task(child.run())
    await output.wait_for("99")
    child.stop()
    await running

    assert output.lines == [str(at) for at in range(100)]
    assert len(together) < 50
