"""Commands that pages name within a sentence are there, and so are their flags; arguments may be left out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer.main

from broker.settings import flag_name, rows
from docs.settings import SECTIONS
from jitney.ask import COMMANDS as ASK
from jitney.ask.cli import parser
from jitney.cli import app
from tests.shown_commands import PAGES, ROOT

NAMED = re.compile(r"`((?:jitney|make|python -m (?:server|batcher|history)) [a-z-][^`\n]*)`")
FLAG = re.compile(r"(?<![\w-])--?[a-z][\w-]*")
BLOCK = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
SETTINGS = {flag_name(row.name) for _, table in SECTIONS for row, _ in rows(table)}


def missing(command: str) -> list[str]:
    """The words of a command that are none."""
    program, *words = command.split()
    if program == "make":
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        return [word for word in words[:1] if word not in targets]
    if program == "python":
        return [flag for flag in FLAG.findall(command)[1:] if flag not in SETTINGS]
    known, unknown = of_ask(words[0]) if words[0] in ASK else of_jitney(words)
    return unknown + [flag for flag in FLAG.findall(command) if flag not in known]


def of_ask(name: str) -> tuple[set[str], list[str]]:
    return {flag for action in parser(name)._actions for flag in action.option_strings}, []


def of_jitney(words: list[str]) -> tuple[set[str], list[str]]:
    """The flags of the command that the first words call, and the word that calls none."""
    command: Any = typer.main.get_command(app)
    for word in words:
        if word.startswith("-") or not hasattr(command, "commands"):
            break
        if word not in command.commands:
            return set(), [word]
        command = command.commands[word]
    return {"-h", "--help"} | {flag for one in command.params for flag in (*one.opts, *one.secondary_opts)}, []


def named(page: Path) -> list[str]:
    return NAMED.findall(BLOCK.sub("", page.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "page", [pytest.param(page, id=str(page.relative_to(ROOT))) for page in PAGES if page.name != "CHANGELOG.md"]
)
def test_every_command_that_a_page_names_is_there(page: Path) -> None:
    assert {command: found for command in named(page) if (found := missing(command))} == {}


def test_commands_and_flags_that_are_gone_are_noticed() -> None:
    gone = ["jitney doctr", "jitney keys ad", "jitney up --frontends 2", "jitney embed --modle x", "make al"]

    assert [missing(one) for one in [*gone, "python -m server --prot 1"]] == [
        ["doctr"],
        ["ad"],
        ["--frontends"],
        ["--modle"],
        ["al"],
        ["--prot"],
    ]
    assert missing("jitney keys add NAME --rights history") == []
