"""Who may import whom: the sides of the house meet in `broker` only, and neither carries the other's heavy goods."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WEB = {"starlette", "uvicorn", "httptools"}
MODELS = {"torch", "transformers", "safetensors"}
FORBIDDEN = {
    "broker": {"server", "batcher", "jitney", "history"} | WEB | MODELS,
    "server": {"batcher", "jitney"} | MODELS,
    "batcher": {"server", "jitney", "history"} | WEB,
    "jitney": {"server", "batcher"} | WEB | MODELS,
    "history": {"server", "batcher", "jitney"} | WEB | MODELS,
}


def imports(source: str) -> Iterator[tuple[int, str]]:
    """Line and top-level package of each import, wherever it stands: in a function, behind a condition, by name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.partition(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.lineno, (node.module or "").partition(".")[0]
        elif isinstance(node, ast.Call) and (name := _imported_by_name(node)):
            yield node.lineno, name.partition(".")[0]


def _imported_by_name(call: ast.Call) -> str:
    """`importlib.import_module("torch")` and `__import__("torch")`; names computed at run time stay unseen."""
    function = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    first = call.args[0] if call.args else None
    by_name = function in {"import_module", "__import__"} and isinstance(first, ast.Constant)
    return str(first.value) if by_name else ""


def crossings(root: Path, package: str) -> list[str]:
    """Every forbidden import as `file:line imports package`."""
    return [
        f"{path.relative_to(root)}:{line} imports {name}"
        for path in sorted((root / package).rglob("*.py"))
        for line, name in imports(path.read_text("utf-8"))
        if name in FORBIDDEN[package]
    ]


@pytest.mark.parametrize("package", FORBIDDEN)
def test_a_package_imports_nothing_that_is_forbidden_to_it(package: str) -> None:
    assert crossings(ROOT, package) == []


@pytest.mark.parametrize("package", FORBIDDEN)
def test_there_is_something_to_check(package: str) -> None:
    assert list((ROOT / package).rglob("*.py"))


@pytest.mark.parametrize(
    "line",
    [
        "import torch",
        "import os, torch.nn as nn",
        "from torch import nn",
        "from torch.nn import functional",
        "def late():\n    import torch",
        "if True:\n    from torch import nn",
        "import importlib\nimportlib.import_module('torch.nn')",
        "__import__('torch')",
    ],
)
def test_a_crossing_is_found_in_any_form_and_its_file_is_named(tmp_path: Path, line: str) -> None:
    module = tmp_path / "server" / "codecs" / "sly.py"
    module.parent.mkdir(parents=True)
    module.write_text(line)

    [found] = crossings(tmp_path, "server")

    assert found.startswith("server/codecs/sly.py:") and found.endswith("imports torch")


@pytest.mark.parametrize(
    "line", ["import torchlight", "from . import torch", "from broker import keys", "torch = 'torch'"]
)
def test_what_only_looks_like_a_crossing_is_let_pass(tmp_path: Path, line: str) -> None:
    (tmp_path / "server").mkdir()
    (tmp_path / "server" / "honest.py").write_text(line)

    assert crossings(tmp_path, "server") == []
