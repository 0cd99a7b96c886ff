"""`jitney up` cuts off no request and no batch that the settings allow."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from batcher.settings import BatcherSettings
from broker.settings import parser_for, pick
from jitney.up.graces import OTHERS, grace_of
from jitney.up.plan import Role
from server.settings import ServerSettings
from tests.graces import longest
from tests.unit.jitney.children import STUBBORN, MakeChild, Output

TABLES = {Role.FRONT_END: ServerSettings, Role.BATCHER: BatcherSettings}
PATIENT = {"JITNEY_DRAIN_SECONDS": "20", "JITNEY_MAX_TIMEOUT": "3600", "JITNEY_MAX_STEP": "900"}
SHORT = {"JITNEY_DRAIN_SECONDS": "0", "JITNEY_MAX_TIMEOUT": "60", "JITNEY_MAX_STEP": "5"}


@pytest.mark.parametrize("role", TABLES)
@pytest.mark.parametrize("environ", [{}, PATIENT, SHORT], ids=["unset", "patient", "short"])
def test_a_child_has_the_time_that_its_settings_allow_and_little_more(role: Role, environ: Mapping[str, str]) -> None:
    settings = pick(TABLES[role], parser_for("it", "", TABLES[role], environ=environ).parse_args([]))

    assert 0.0 < grace_of(role, environ) - longest([settings]) <= 15.0


@pytest.mark.parametrize("role", [Role.HISTORY, Role.BROKER])
def test_what_holds_no_request_and_no_batch_has_half_a_minute(role: Role) -> None:
    assert grace_of(role, PATIENT) == OTHERS == 30.0


def test_a_number_that_the_child_will_refuse_changes_nothing() -> None:
    assert grace_of(Role.FRONT_END, {"JITNEY_MAX_TIMEOUT": "soon"}) == grace_of(Role.FRONT_END, {})


@pytest.mark.anyio
async def test_a_child_is_ended_by_the_environment_that_it_has(
    make_child: MakeChild, output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jitney.up.graces.SLACK", 0.0)
    monkeypatch.setenv("JITNEY_MAX_TIMEOUT", "0.02")
    child = make_child(STUBBORN, grace=None, role=Role.FRONT_END, fallback={"JITNEY_DRAIN_SECONDS": "0"})
    running = asyncio.create_task(child.run())
    await output.wait_for("up")

    child.stop()
    await running

    assert output.lines[-1] == "it did not end within 0.02 s: killed"


@pytest.mark.anyio
@pytest.mark.parametrize(("is_ready", "bound"), [(True, "0.03"), (False, "0.01")])
async def test_one_that_is_asked_to_end_has_its_time_once_it_was_ready(
    make_child: MakeChild, output: Output, monkeypatch: pytest.MonkeyPatch, is_ready: bool, bound: str
) -> None:
    monkeypatch.setattr("jitney.up.child.OTHERS", 0.01)
    child = make_child(STUBBORN, grace=0.03)
    running = asyncio.create_task(child.run())
    await output.wait_for("up")
    child.ready = is_ready

    child.stop()
    await running

    assert output.lines[-1] == f"it did not end within {bound} s: killed"


@pytest.mark.anyio
async def test_one_that_starts_again_for_a_change_is_not_waited_for_so_long(
    make_child: MakeChild, output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jitney.up.child.OTHERS", 0.01)
    child = make_child(STUBBORN)
    running = asyncio.create_task(child.run())
    await output.wait_for("up")
    child.mark_ready()
    output.lines.clear()

    child.restart()
    await output.wait_for("up")

    child.kill()
    await running
    assert "it did not end within 0.01 s: killed" in output.lines
