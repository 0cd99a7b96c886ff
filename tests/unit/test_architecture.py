"""docs/architecture.md names what is there. That its files exist is held by test_docs.py, as for every page."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
STEP = re.compile(r"^\d+\. .*(?:\n {2,}.*)*", re.MULTILINE)
ROW = re.compile(r"^\| (?!-).*", re.MULTILINE)
PICTURE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
BLOCK_ENDS = re.compile(r"\n\n|\n(?=\d+\. |\|)")
SPAN = re.compile(r"`([^`\n]+)`")
FILE = re.compile(r"[\w/]+(?:\.py|\.lua|/)")
NAME = re.compile(r"[A-Z]\w*(?:\.\w+)?(?:\(\))?|\w+\(\)")  # a class, a constant or a function, perhaps a class's


def names_beside_files(text: str) -> Iterator[tuple[str, str]]:
    """Each name with the file that stands before it: in one paragraph, step or row."""
    for block in BLOCK_ENDS.split(PICTURE.sub("", text)):
        file = ""
        for span in SPAN.findall(block):
            if FILE.fullmatch(span):
                file = span
            elif NAME.fullmatch(span):
                yield file, span.removesuffix("()")


def defined(source: str) -> set[str]:
    """Classes, functions and constants of a module; what a class has is named behind it too."""
    found: set[str] = set()
    for node in ast.parse(source).body:
        names = _names(node)
        found |= names
        if isinstance(node, ast.ClassDef):
            inner = {name for one in node.body for name in _names(one)}
            found |= inner | {f"{node.name}.{name}" for name in inner}
    return found


def _names(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return {target.id for target in targets if isinstance(target, ast.Name)}


def is_in(name: str, file: str) -> bool:
    path = ROOT / file
    modules = path.glob("*.py") if path.is_dir() else [path] if path.suffix == ".py" and path.exists() else []
    return any(name in defined(module.read_text(encoding="utf-8")) for module in modules)


@pytest.mark.parametrize(("file", "name"), sorted({*names_beside_files(PAGE)}))
def test_every_name_is_in_the_file_that_it_stands_behind(file, name):
    assert is_in(name, file)


def test_a_name_that_is_gone_is_noticed():
    text = "1. `server/app.py`: `create_app()`, `Door`\n2. `OfTask.glance()` of `server/dialects/`: `OfTask.read()`"

    assert [(file, name) for file, name in names_beside_files(text) if not is_in(name, file)] == [
        ("server/app.py", "Door"),
        ("", "OfTask.glance"),
    ]


def test_a_request_takes_ten_steps_each_with_its_files():
    steps = STEP.findall(PAGE)

    assert [int(step.partition(".")[0]) for step in steps] == list(range(1, 11))
    assert [step for step in steps if not any(map(FILE.fullmatch, SPAN.findall(step)))] == []


def test_fifteen_likely_changes_have_a_row_each_with_its_files():
    _, *rows = ROW.findall(PAGE.partition("## To change")[2])  # the first is the table's head

    assert len(rows) == 15
    assert [row for row in rows if not any(map(FILE.fullmatch, SPAN.findall(row)))] == []


def test_it_is_one_page():
    assert len(PAGE.splitlines()) <= 90
