"""The spine's command line, and the bare server it compares with."""

from __future__ import annotations

import httpx2
import pytest

from benchmarks.lib.envelope import TEXT, envelope
from benchmarks.spine import bare
from benchmarks.spine.command import main, read_plan

pytestmark = pytest.mark.anyio


async def ask(name: str) -> httpx2.Response:
    transport = httpx2.ASGITransport(app=bare.app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://bare") as client:
        return await client.post(f"/models/{name}", content=envelope([TEXT] * 2))


async def test_the_bare_server_answers_in_the_same_shape():
    reply = await ask("synthetic")

    assert [record["id"] for record in reply.json()["result"]] == ["0", "1"]


async def test_the_bare_server_reverses_as_the_synthetic_model_does():
    reply = await ask("synthetic")

    assert reply.json()["result"][0]["text"] == ".setalocohc fo xob a ekil si efiL"


async def test_the_bare_server_sleeps_as_long_as_its_name_says(monkeypatch):
    slept = []
    monkeypatch.setattr(bare.time, "sleep", slept.append)

    await ask("sleeps-10")

    assert slept == [0.01]


def test_the_defaults_are_those_of_the_acceptance():
    plan, file = read_plan([])

    assert (plan.rounds, plan.seconds, plan.connections, plan.requests, file) == (2, 10, 256, 500, None)


def test_without_wrk_nothing_is_started(monkeypatch, capsys):
    monkeypatch.setenv("PATH", "")

    status = main([])

    assert (status, "apt install wrk" in capsys.readouterr().err) == (1, True)
