"""The commands that pages show, as a shell would read them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("*/README.md"), *ROOT.glob("k8s/**/*.md")})
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
SHELLS = ("sh", "console")
NEEDS = re.compile(r"# Needs (.+)\.")  # what no machine of ours has, of the commands down to the next empty line
HERE = re.compile(r"<<(\w+)\n.*^\1$", re.DOTALL | re.MULTILINE)
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


@dataclass(slots=True, kw_only=True)
class Shown:
    """A whole command as a reader pastes it, what the page shows below it, and what the page says that it needs."""

    page: Path
    text: str
    needs: Sequence[str] = ()
    output: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}: {' '.join(self.text.split())[:70]}"


def shown(page: Path, programs: Container[str]) -> Iterator[Shown]:
    """Those of the page's blocks. One without a language shows also what is printed: there a line is a command where it
    begins with one of these programs."""
    for language, block in BLOCK.findall(page.read_text(encoding="utf-8")):
        if language in SHELLS or not language:
            yield from _of_block(page, block, _begins(language, programs))


def commands(page: Path, programs: Container[str]) -> Iterator[Command]:
    """The same, each program by itself."""
    for one in shown(page, programs):
        yield from of_line(page, one.text)


def of_line(page: Path, line: str) -> Iterator[Command]:
    """A pipe has several."""
    for words in _simple(_tokens(line)):
        yield _command(page, words)


def _begins(language: str, programs: Container[str]) -> Callable[[str], bool]:
    """Whether a line begins a command."""
    if language == "console":
        return lambda line: line.startswith("$ ")
    if language:
        return lambda line: bool(line.strip()) and not line.startswith("#")
    return lambda line: _command(ROOT, line.split()).program in programs


def _of_block(page: Path, block: str, begins: Callable[[str], bool]) -> list[Shown]:
    """What stands in quotes, or behind a backslash, goes on in the next line."""
    found: list[Shown] = []
    begun, needs = "", ()
    for line in block.splitlines():
        if not begun and not begins(line):
            needs = _needs(line, needs)
            if found and not line.startswith("#"):
                found[-1].output.append(line)
            continue
        begun += line.removeprefix("$ ")
        if begun.endswith("\\"):
            begun = begun[:-1]
        elif _is_whole(begun):
            found.append(Shown(page=page, text=begun, needs=needs))
            begun = ""
        else:
            begun += "\n"
    assert not begun, f"a command without an end: {begun}"
    return found


def _needs(line: str, before: tuple[str, ...]) -> tuple[str, ...]:
    if mark := NEEDS.fullmatch(line):
        return tuple(mark[1].split(" and "))
    return before if line else ()


def _is_whole(text: str) -> bool:
    try:
        _tokens(text)
    except ValueError:
        return False
    return "<<" not in text or bool(HERE.search(text))


def _tokens(text: str) -> list[str]:
    text = HERE.sub("", text)
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
