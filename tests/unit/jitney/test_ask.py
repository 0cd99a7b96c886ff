"""`jitney translate` and its kin: what they bring along, and what their help says. Integration tests have the rest."""

from __future__ import annotations

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from jitney.ask import COMMANDS
from jitney.ask.cli import main
from jitney.cli import app

SLOW = {"typer", "pydantic", "asyncio", "msgspec", "redis", "uuid", "h2", "rich", "click", "jitney.client.aio"}
NOT_FOR_HELP = SLOW | {"httpx2", "jitney.client", "dataclasses", "inspect", "json", "logging", "email.utils"}
NOWHERE = ["--url", "http://127.0.0.1:9", "--timeout", "0.01"]


def imported(arguments: list[str]) -> set[str]:
    """All modules that a command brings, besides those that Python starts with."""
    program = (
        "import contextlib, sys\n"
        "before = set(sys.modules)\n"
        "import jitney.main\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(sys.stderr):\n"
        f"    jitney.main._ask({arguments})\n"
        "print(*sys.modules.keys() - before)"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(said.stdout.split())


def test_their_help_begins_with_next_to_nothing() -> None:
    brought = imported(["classify", "--help"])

    assert "argparse" in brought
    assert brought & NOT_FOR_HELP == set()
    assert len(brought) <= 40


def test_a_request_begins_without_what_it_does_not_need() -> None:
    brought = imported(["classify", "a text", *NOWHERE])

    assert {"httpx2", "httpcore2"} <= brought
    assert brought & SLOW == set()
    assert len([name for name in brought if name.startswith(("jitney", "broker", "server"))]) <= 32
    assert len(brought) <= 300


def test_the_client_is_imported_without_httpx2_and_dates() -> None:
    program = "import sys, jitney.client\nprint({'httpx2', 'email', 'uuid', 'asyncio'} & sys.modules.keys())"

    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert said.stdout.strip() == "set()"


def test_the_list_of_commands_has_them() -> None:
    said = CliRunner().invoke(app, ["--help"]).output

    assert [name for name in COMMANDS if f"  {name} " not in said] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_their_help_has_an_example_and_the_exit_codes(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([name, "--help"])

    said = capsys.readouterr().out
    assert f"jitney {name} " in said and "It ends with" in said and "JITNEY_URL" in said


@pytest.mark.parametrize(
    "arguments",
    [
        ["translate", "a"],
        ["translate", "--to", "fr"],
        ["translate", "a", "--to", "fr", "--timeout", "0"],
        ["translate", "a", "--to", "fr", "--timeout", "nan"],
        ["classify", "a", "--top-k", "0"],
        ["rerank", "query"],
        ["embed", "a", "--to", "fr"],
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_asked(arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
