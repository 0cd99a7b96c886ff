"""A Dockerfile as stages of instructions. What it does not know it refuses, so nothing is passed over in silence."""

from __future__ import annotations

import json
import shlex
import string
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

ROOT = Path(__file__).parents[3]
# The options that an instruction may have here.
KNOWN: Mapping[str, set[str]] = {
    "ARG": set(),
    "CMD": set(),
    "COPY": {"from"},
    "ENV": set(),
    "EXPOSE": set(),
    "FROM": set(),
    "HEALTHCHECK": {"interval", "timeout", "start-period"},
    "LABEL": set(),
    "RUN": {"mount"},
    "USER": set(),
    "WORKDIR": set(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """`COPY --from=builder /venv /venv`: its word, its options and the rest."""

    word: str
    options: Mapping[str, str]
    rest: str

    def command(self) -> list[str]:
        """Of RUN and CMD, as what is executed."""
        words = json.loads(self.rest) if self.rest.startswith("[") else ["/bin/sh", "-c", self.rest]
        assert all(isinstance(word, str) for word in words)
        return words

    def pairs(self) -> dict[str, str]:
        """Of ENV, LABEL and ARG."""
        return dict(pair.split("=", 1) for pair in shlex.split(self.rest))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """From one FROM to the next."""

    base: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)


def parse(text: str) -> list[Stage]:
    """Raises `ValueError` for what is not known here."""
    stages: list[Stage] = []
    given: dict[str, str] = {}  # before the first FROM: a stage has what it names again
    for one in map(_instruction, _joined(text)):
        if one.word == "FROM":
            base, *alias = one.rest.split()
            if alias and (len(alias) != 2 or alias[0].upper() != "AS"):
                raise ValueError(f"FROM {one.rest}")
            stages.append(Stage(base=expand(base, given), name=alias[1] if alias else ""))
        elif one.word == "ARG" and not stages:
            given |= one.pairs()
        elif not stages:
            raise ValueError(f"{one.word} before the first FROM")
        else:
            again = one.word == "ARG" and one.rest in given
            stages[-1].instructions.append(replace(one, rest=f"{one.rest}={given[one.rest]}") if again else one)
    return stages


def read(name: str) -> list[Stage]:
    """Of a file of this repository."""
    return parse((ROOT / name).read_text(encoding="utf-8"))


def expand(text: str, values: Mapping[str, str]) -> str:
    """As a build does outside of RUN. A name that is not known is a mistake here; to Docker it is empty."""
    return string.Template(text).substitute(values)


def _joined(text: str) -> list[str]:
    """Without comments, a continued line in one."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return [line.strip() for line in "\n".join(lines).replace("\\\n", " ").splitlines()]


def _instruction(line: str) -> Instruction:
    word, _, rest = line.partition(" ")
    if word not in KNOWN or "<<" in rest:
        raise ValueError(line)
    options, rest = {}, rest.strip()
    while rest.startswith("--"):
        option, _, rest = rest.partition(" ")
        name, _, value = option.removeprefix("--").partition("=")
        if name not in KNOWN[word]:
            raise ValueError(line)
        options[name], rest = value, rest.strip()
    return Instruction(word=word, options=options, rest=rest)
