"""What a report leaves: JSON that can be read again, and its tables within pages."""

from __future__ import annotations

import re
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

Report = TypeVar("Report")
Tables = Mapping[str, Sequence[str]]  # by name, the lines of each
BLOCK = re.compile(r"(?P<start><!-- (?P<name>[\w ]+) -->).*?(?P<end><!-- end of (?P=name) -->)", re.DOTALL)


def add_options(command: ArgumentParser) -> None:
    """`--json`, `--from` (as `kept`) and `--into`."""
    add = command.add_argument
    add("--json", type=Path, metavar="FILE", help="write the figures there as well")
    add("--from", type=Path, metavar="FILE", dest="kept", help="measure nothing: show what --json wrote")
    add("--into", type=Path, metavar="PAGE", action="append", default=[], help="put the tables into this page as well")


def deliver(
    values: Namespace, kind: type[Report], measure: Callable[[], Report], tables: Callable[[Report], Tables]
) -> Tables:
    """The tables of what is measured, or was; they and the figures go where the options say.

    Raises `OSError` and `ValueError` for pages and files that will not do, before anything is measured where that can
    be known, and whatever `measure` raises.
    """
    for page in values.into:
        if not marked(page.read_text("utf-8")):
            raise ValueError(f"{page} has no lines <!-- NAME --> and <!-- end of NAME --> to put tables between")
    if values.json and not values.json.parent.is_dir():
        raise ValueError(f"{values.json} cannot be written: {values.json.parent} is no folder")
    report = read(values.kept, kind) if values.kept else measure()
    if values.json:
        write(values.json, report)
    shown = tables(report)
    for page in values.into:
        page.write_text(put(page.read_text("utf-8"), shown), "utf-8")
    return shown


def write(file: Path, report: Any) -> None:
    """A dataclass as JSON."""
    file.write_bytes(msgspec.json.encode(report) + b"\n")


def read(file: Path, kind: type[Report]) -> Report:
    """What `write` wrote. Raises `OSError` and `ValueError`."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=kind)
    except msgspec.MsgspecError as error:
        raise ValueError(f"{file} is not what this command writes with --json: {error}") from error


def put(page: str, tables: Tables) -> str:
    """The page with each table in place of what stands between its marks; tables that it has no marks for stay away."""

    def filled(found: re.Match[str]) -> str:
        start, name, end = found["start"], found["name"], found["end"]
        return "\n\n".join([start, "\n".join(tables[name]).strip(), end]) if name in tables else found[0]

    return BLOCK.sub(filled, page)


def marked(page: str) -> list[str]:
    """The names of the tables that a page has marks for."""
    return [found["name"] for found in BLOCK.finditer(page)]
