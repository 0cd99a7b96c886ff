"""`jitney new-model NAME`: a model of one's own to begin with, its test, and the commands for both."""

from __future__ import annotations

import importlib.util
import keyword
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from jitney.up.greeting import curl_line
from jitney.up.plan import KINDS

DONE, EXISTS, USAGE = 0, 1, 2
URL = "http://127.0.0.1:9527"  # where `jitney up` listens unless it is told otherwise
NAME = re.compile(r"[a-z][a-z0-9_]*")

MODEL = '''\
"""Counts the words of a text: change `forward`, and it answers something else."""

from batcher.models.contract import InvalidInput


class CLASS:
    def forward(self, inputs):
        if not all(text.strip() for text in inputs):
            raise InvalidInput("the text is empty")  # only its own caller is told; the others get their answers
        return [{"words": len(text.split())} for text in inputs]  # one for each input, in their order
'''

TEST = '''\
"""What the model answers, tried without a server."""

import pytest
from batcher.models.contract import InvalidInput
from MODULE import CLASS


def test_each_input_gets_an_output_of_its_own_in_order():
    outputs = CLASS().forward(["one", "one two three"])

    assert outputs == [{"words": 1}, {"words": 3}]


def test_an_empty_text_is_refused_with_a_reason():
    with pytest.raises(InvalidInput, match="empty"):
        CLASS().forward(["one", "  "])
'''


class Refused(Exception):
    """This cannot be written; the message says why, `code` is the exit status."""

    def __init__(self, message: str, code: int = USAGE) -> None:
        super().__init__(message)
        self.code = code


def run_new_model(name: str, directory: Path) -> int:
    """Write it, and say what comes next. The exit status: 0 written, 1 something is there already, 2 no such name."""
    try:
        check_name(name, directory)
        write(files(name), directory)
    except Refused as error:
        print(f"jitney new-model: {error}", file=sys.stderr)
        return error.code
    print("\n".join(next_steps(name, directory)))
    return DONE


def check_name(name: str, directory: Path = Path()) -> None:
    """Raises `Refused` for what cannot be the name of a module, or is somebody else's."""
    if not NAME.fullmatch(name) or keyword.iskeyword(name):
        raise Refused(
            f"{name!r} cannot be a module's name: begin with a lower-case letter; letters, digits and _ follow"
        )
    if keyword.iskeyword(class_name(name)):  # None, True, False
        raise Refused(f"a class cannot be called {class_name(name)}: choose another name")
    if name in KINDS or class_name(name) == "InvalidInput":
        raise Refused(f"{name!r} means something to Jitney already: choose another name")
    if name in sys.stdlib_module_names:
        raise Refused(f"{name!r} is a module of Python's own, which would be hidden: choose another name")
    if where := _elsewhere(name, directory):
        raise Refused(f"there is a module {name!r} already, {where}: choose another name")


def _elsewhere(name: str, directory: Path) -> str:
    """The file of another module of this name; "" where there is none, or only the one to be written."""
    package = directory / name / "__init__.py"
    if package.exists():  # Python would take it in place of what is written beside it
        return str(package)
    found = importlib.util.find_spec(name)
    origin = found.origin if found else None  # a folder without `__init__.py` has none, and hides no module
    return origin if origin and Path(origin).parent.resolve() != directory.resolve() else ""


def class_name(module: str) -> str:
    """`word_count` → `WordCount`"""
    return "".join(part.capitalize() for part in module.split("_"))


def files(name: str) -> Mapping[str, str]:
    """Name of a file → its text."""
    words = {"MODULE": name, "CLASS": class_name(name)}
    filled = [re.sub("MODULE|CLASS", lambda found: words[found[0]], text) for text in (MODEL, TEST)]
    return dict(zip((f"{name}.py", f"test_{name}.py"), filled, strict=True))


def write(texts: Mapping[str, str], directory: Path) -> None:
    """All of them or, where one is there already, none. Raises `Refused`."""
    if not directory.is_dir():
        raise Refused(f"there is no directory {directory}", EXISTS)
    for name in texts:
        if (directory / name).exists():
            raise Refused(f"{directory / name} exists; nothing is written", EXISTS)
    for name, text in texts.items():
        with (directory / name).open("x", encoding="utf-8") as file:
            file.write(text)


def next_steps(name: str, directory: Path) -> Sequence[str]:
    """Commands to paste."""
    written = [f"wrote {directory / file}" for file in files(name)]
    enter = [] if directory == Path() else [f"  cd {shlex.quote(str(directory))}"]
    made = class_name(name)
    call = curl_line(URL, {"name": made.lower(), "task": ""})
    return [
        *written,
        "",
        *enter,
        f"  python -m pytest test_{name}.py",
        f"  jitney up --model {name}:{made} --reload",
        f"  {call}",
    ]
