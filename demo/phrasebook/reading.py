"""How the phrasebook's files are read: slot tables and templates, with an error that names the line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

LANGUAGES = ("en", "ja", "fr", "de", "es", "zh")
FOLDER = Path(__file__).parent

# en: text · en+: another way to say the source · ja>en: what one direction answers · es[hour=one]: text for some values
_LINE = re.compile(r"^(?P<to>[a-z]{2})(?:(?P<also>\+)|>(?P<into>[a-z]{2})|\[(?P<when>[^\]]+)\])?: (?P<text>\S.*)$")


class PhrasebookError(ValueError):
    """A phrasebook file cannot be understood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """The values of one kind; each row maps a column such as `de.acc` to its text."""

    name: str
    rows: tuple[Mapping[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One sentence pattern in every language."""

    name: str
    topic: str
    texts: dict[str, str] = field(default_factory=dict)
    variants: dict[str, list[str]] = field(default_factory=dict)  # further sources, never an answer
    exceptions: dict[tuple[str, str], str] = field(default_factory=dict)  # (from, to): what this direction answers
    special: dict[str, list[tuple[str, str, str]]] = field(default_factory=dict)  # language: (column, value, text)
    skipped: list[tuple[str, str]] = field(default_factory=list)  # (slot, English value) that make no sense here


def read_slots(folder: Path = FOLDER) -> dict[str, Slot]:
    """All slot tables, by name."""
    slots: dict[str, Slot] = {}
    for path in sorted(folder.glob("slots_*.txt")):
        for name, lines in _sections(path):
            slots[name] = Slot(name=name, rows=_table(path, name, lines))
    return slots


def read_templates(folder: Path = FOLDER) -> list[Template]:
    """All templates, by file and order in it."""
    found: list[Template] = []
    for path in sorted(folder.glob("topic_*.txt")):
        for name, lines in _sections(path):
            found.append(_template(path, name, lines))
    return found


def _sections(path: Path) -> Iterator[tuple[str, list[str]]]:
    name, lines = "", list[str]()
    for raw in path.read_text(encoding="utf-8").splitlines():
        line = raw.strip()
        if line.startswith("[") and line.endswith("]"):
            if name:
                yield name, lines
            name, lines = line[1:-1], []
        elif line and not line.startswith("#"):
            lines.append(line)
    if name:
        yield name, lines


def _table(path: Path, name: str, lines: list[str]) -> tuple[Mapping[str, str], ...]:
    header, *rows = ([cell.strip() for cell in line.split("|")] for line in lines)
    for row in rows:
        if len(row) != len(header) or not all(row):
            raise PhrasebookError(f"{path.name} [{name}]: the row {row[0]!r} does not fill the header's columns")
    return tuple(dict(zip(header, row, strict=True)) for row in rows)


def _template(path: Path, name: str, lines: list[str]) -> Template:
    template = Template(name=name, topic=path.stem.removeprefix("topic_"))
    for line in lines:
        if line.startswith("skip: "):
            template.skipped.extend(_pair(value) for value in line.removeprefix("skip: ").split(","))
            continue
        match = _LINE.match(line)
        if match is None:
            raise PhrasebookError(f"{path.name} [{name}]: cannot read {line!r}")
        _add(template, **match.groupdict())
    missing = [language for language in LANGUAGES if language not in template.texts]
    if missing:
        raise PhrasebookError(f"{path.name} [{name}]: no text in {', '.join(missing)}")
    return template


def _add(template: Template, *, to: str, also: str | None, into: str | None, when: str | None, text: str) -> None:
    if also:
        template.variants.setdefault(to, []).append(text)
    elif into:
        template.exceptions[to, into] = text
    elif when:
        template.special.setdefault(to, []).append((*_pair(when), text))
    else:
        template.texts[to] = text


def _pair(text: str) -> tuple[str, str]:
    left, _, right = text.partition("=")
    return left.strip(), right.strip()
