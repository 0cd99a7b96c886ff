"""The texts that languages are told by: `texts.txt`, read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

FILE = Path(__file__).parent / "texts.txt"


class Text(NamedTuple):
    """What somebody wrote, and the code of the language that it is in."""

    language: str
    words: str


def read_texts() -> list[Text]:
    """All of them, in the order of the file."""
    return list(_texts())


def _texts() -> Iterator[Text]:
    language = ""
    for line in FILE.read_text(encoding="utf-8").splitlines():
        if line.startswith("[") and line.endswith("]"):
            language = line[1:-1]
        elif line and not line.startswith("#"):
            yield Text(language, line)
