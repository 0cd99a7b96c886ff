"""Writes settings.md from the tables that the processes read: `make settings`. A test says when it has to be run."""

from __future__ import annotations

from dataclasses import MISSING, Field
from pathlib import Path
from typing import Any

from batcher.models.settings import ModelSettings
from batcher.settings import BatcherSettings
from broker.settings import BrokerSettings, env_name, flag_name, rows
from broker.tracing.settings import TracingSettings
from history.settings import HistorySettings
from server.settings import ServerSettings

PAGE = Path(__file__).with_suffix(".md")

INTRODUCTION = """\
# Settings

Every setting is a flag and an environment variable of the same name; a flag beats the variable, the variable beats the
default. Durations are seconds. Booleans are `on` or `off`. This page is written by `make settings` from the tables in
the code.
"""

# Who reads the table, and the table.
SECTIONS = (
    ("Every process", BrokerSettings),
    ("Front ends and batchers", TracingSettings),
    ("The front end, `python -m server`", ServerSettings),
    ("The batcher, `python -m batcher`", BatcherSettings),
    ("The batcher's model", ModelSettings),
    ("The history's writer, `jitney history run`", HistorySettings),
)


def page() -> str:
    """The whole of settings.md."""
    return "\n".join([INTRODUCTION, *(section(title, table) for title, table in SECTIONS)])


def section(title: str, table: type) -> str:
    """One table of settings as a table of the page."""
    head = f"## {title}\n\n| flag | environment | default | meaning |\n| --- | --- | --- | --- |\n"
    return head + "".join(line(row) for row, _ in rows(table))


def line(row: Field[Any]) -> str:
    """One setting."""
    cells = (f"`{flag_name(row.name)}`", f"`{env_name(row.name)}`", default(row), meaning(row))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def default(row: Field[Any]) -> str:
    """What holds when nobody says anything."""
    if row.default is MISSING:
        return "required"
    if isinstance(row.default, bool):
        return "`on`" if row.default else "`off`"
    return f"`{row.default}`" if row.default != "" else "empty"


def meaning(row: Field[Any]) -> str:
    """The help text, and what one may choose from where the text does not say it already."""
    text, choices = row.metadata["help"], row.metadata["choices"]
    if all(choice in text for choice in choices):
        return str(text)
    return f"{text} ({', '.join(f'`{choice}`' for choice in choices)})"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
