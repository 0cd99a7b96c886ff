"""The commands that pages show, as a shell would read them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
SHELLS = ("sh", "bash", "console")
ASSIGNED = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
BEFORE = {"exec": 1, "taskset": 3}  # words that stand before the program that they run
PUNCTUATION = "|&;<>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One program with its arguments, and the variables set for it."""

    page: Path
    words: Sequence[str]
    variables: Sequence[str] = ()

    @property
    def program(self) -> str:
        return self.words[0].rsplit("/", 1)[-1] if self.words else ""

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}: {' '.join(self.words)[:70]}"


def commands(page: Path, programs: Container[str]) -> Iterator[Command]:
    """Those of the page's blocks. One without a language shows also what is printed: there a line is a command where it
    begins with one of these programs."""
    for language, block in BLOCK.findall(page.read_text(encoding="utf-8")):
        if language in SHELLS or not language:
            for line in _lines(block, _begins(language, programs)):
                yield from of_line(page, line)


def of_line(page: Path, line: str) -> Iterator[Command]:
    """A pipe has several."""
    for words in _simple(_tokens(line)):
        yield _command(page, words)


def _begins(language: str, programs: Container[str]) -> Callable[[str], bool]:
    """Whether a line begins a command."""
    if language == "console":
        return lambda line: line.startswith("$ ")
    if language:
        return lambda line: bool(line.strip())
    return lambda line: _command(ROOT, line.split()).program in programs


def _lines(block: str, begins: Callable[[str], bool]) -> Iterator[str]:
    """Whole commands: what stands in quotes, or behind a backslash, goes on in the next line."""
    begun = ""
    for line in block.splitlines():
        if not begun and not begins(line):
            continue
        begun += line.removeprefix("$ ")
        if begun.endswith("\\"):
            begun = begun[:-1]
        elif _is_whole(begun):
            yield begun
            begun = ""
        else:
            begun += "\n"
    assert not begun, f"a command without an end: {begun}"


def _is_whole(text: str) -> bool:
    try:
        _tokens(text)
    except ValueError:
        return False
    return True


def _tokens(text: str) -> list[str]:
    text = re.sub(r"<([\w-]+)>", r"\1", re.sub(r"\$\([^()]*\)", "SUBSTITUTED", text))
    reader = shlex.shlex(text, posix=True, punctuation_chars=PUNCTUATION)
    reader.whitespace_split = True
    return list(reader)


def _simple(tokens: Sequence[str]) -> Iterator[list[str]]:
    """A pipe's parts one by one, without the files that they read and write."""
    words: list[str] = []
    is_file = False
    for token in tokens:
        if is_file or not token.strip(PUNCTUATION):
            is_file = not is_file and token[0] in "<>"
            if not is_file and token[0] in "|&;":
                yield words
                words = []
        else:
            words.append(token)
    yield words


def _command(page: Path, words: list[str]) -> Command:
    variables = []
    while words and ((found := ASSIGNED.fullmatch(words[0])) or words[0] == "export"):
        variables += [found[1]] if found else []
        words = words[1:]
    if words:
        words = words[BEFORE.get(words[0], 0) :]
    return Command(page=page, words=words, variables=variables)
