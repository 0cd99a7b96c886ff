"""`jitney translate` and its kin: what they bring along, and what their help says. Integration tests have the rest."""

from __future__ import annotations

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from jitney.ask import COMMANDS
from jitney.ask.cli import main
from jitney.cli import app


def test_they_begin_without_what_takes_long_to_import() -> None:
    program = (
        "import sys, jitney.main, jitney.ask.cli\n"
        "print({'typer', 'pydantic', 'asyncio', 'msgspec', 'redis', 'httpx2'} & sys.modules.keys())"
    )

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
