"""The command line itself: what it refuses, what it asks, and what its help says."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner, Result

from broker.common.free_port import free_port
from jitney.cli import app

COMMANDS = (
    ["status"],
    ["doctor"],
    ["default"],
    ["traffic"],
    ["traffic", "toy", "r1=1%"],
    ["traffic", "toy", "--clear"],
    ["dead", "list"],
    ["dead", "drop", "0"],
)


def run(*arguments: str, **environ: str) -> Result:
    return CliRunner().invoke(app, arguments, env={"JITNEY_REDIS_URL": "", "JITNEY_NAMESPACE": "", **environ})


@pytest.mark.parametrize(
    "arguments",
    [
        ["default", "embedding"],
        ["default", "embedding", "Not a name"],
        ["traffic", "toy", "r1"],
        ["traffic", "toy", "r1=10"],
        ["traffic", "toy", "r1=60%", "r2=60%"],
        ["traffic", "toy", "r1=10%", "--clear"],
        ["traffic", "toy", "r1=10%", "--sticky", "moon"],
        ["traffic", "toy", "--sticky", "caller"],
        ["traffic", "--clear"],
        ["dead", "drop"],
        ["dead", "drop", "--all", "0f"],
        ["dead", "drop", "--all", "--json"],
        ["status", "--watch", "0"],
        ["status", "5"],
        ["batch", "in.jsonl", "-o", "out.csv", "--endpoint", "/translation"],
        ["batch", "in.jsonl", "-o", "out.jsonl", "--endpoint", "/translation", "--set", "toLang"],
        ["batch", "in.jsonl", "-o", "out.jsonl", "--endpoint", "/translation", "--lane", "fast"],
        ["batch", "in.jsonl", "-o", "out.jsonl", "--endpoint", "/translation", "--format", "xml"],
        ["batch", "in.jsonl", "--endpoint", "/translation"],
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_asked(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


@pytest.mark.parametrize("command", COMMANDS)
def test_a_namespace_that_is_none_is_refused(command: list[str]) -> None:
    assert run(*command, JITNEY_NAMESPACE="a/b*").exit_code == 2


@pytest.mark.parametrize("command", COMMANDS)
def test_a_broker_that_is_away_ends_with_one_and_without_a_traceback(command: list[str]) -> None:
    url = f"redis://someone:secret@127.0.0.1:{free_port()}/0"

    said = run(*command, JITNEY_REDIS_URL=url)

    assert said.exit_code == 1 and isinstance(said.exception, SystemExit)
    assert "nothing listens there" in said.output and "secret" not in said.output


@pytest.mark.parametrize("command", COMMANDS)
def test_help_names_the_variables(command: list[str]) -> None:
    said = run(*command, "--help").output

    assert "JITNEY_REDIS_URL" in said and "JITNEY_NAMESPACE" in said


@pytest.mark.parametrize(
    ("url", "cause"),
    [
        ("redis://127.0.0.1:99999/0", "its port is beyond 65535"),
        ("redis://127.0.0.1/abc", "its database is no number"),
        ("redis://someone/secret@127.0.0.1:6379/0", "its database is no number"),
    ],
)
def test_a_url_that_cannot_be_meant_is_told_even_while_watching(url: str, cause: str) -> None:
    said = run("status", "--watch", JITNEY_REDIS_URL=url)

    assert said.exit_code == 1
    assert cause in said.output and "secret" not in said.output
