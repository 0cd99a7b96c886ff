"""What of this repository a build is given: all but what `.dockerignore` names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath


class Ignored:
    """The rules of a `.dockerignore`: the last one that fits decides, `!` takes back."""

    def __init__(self, text: str) -> None:
        lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
        self._rules = [(line.startswith("!"), line.removeprefix("!").strip("/")) for line in lines]

    def __contains__(self, path: str) -> bool:
        parts = [path, *(str(parent) for parent in PurePosixPath(path).parents)]
        ignored = False
        for taken_back, pattern in self._rules:
            if any(_regex(pattern).fullmatch(part) for part in parts):
                ignored = not taken_back
        return ignored

    def enters(self, folder: str) -> bool:
        """Whether something below this folder may be taken."""
        below = any(taken_back and pattern.startswith(f"{folder}/") for taken_back, pattern in self._rules)
        return below or folder not in self


def files(root: Path) -> Iterator[str]:
    """The paths that a build is given, relative to the root."""
    ignored = Ignored((root / ".dockerignore").read_text(encoding="utf-8"))
    for here, folders, names in os.walk(root):
        at = "" if Path(here) == root else f"{Path(here).relative_to(root)}/"
        folders[:] = [folder for folder in folders if ignored.enters(at + folder)]
        yield from (at + name for name in names if at + name not in ignored)


def _regex(pattern: str) -> re.Pattern[str]:
    if set(pattern) & set("?[\\"):
        raise ValueError(f"a pattern that is not known here: {pattern}")
    pieces = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*"}
    return re.compile("".join(pieces.get(piece, re.escape(piece)) for piece in re.split(r"(\*\*/|\*\*|\*)", pattern)))
