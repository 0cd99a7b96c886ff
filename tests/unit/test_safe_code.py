"""Nothing in the installed packages turns bytes into code: no pickle, no eval, no loader that runs what it reads."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.test_arrows import imports

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("jitney", "server", "broker", "batcher", "history")
MODULES = {"pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "code", "codeop"}
BUILTINS = {"eval", "exec", "compile", "__import__"}
YAML = {"load", "load_all", "unsafe_load", "unsafe_load_all", "full_load"}


def dangers(source: str) -> Iterator[str]:
    """Each as `line: what`."""
    yield from (f"{line}: imports {name}" for line, name in imports(source) if name in MODULES)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and (danger := _danger(node)):
            yield f"{node.lineno}: {danger}"


def _danger(call: ast.Call) -> str:
    given = {word.arg: word.value for word in call.keywords}
    if isinstance(call.func, ast.Name):
        return f"calls {call.func.id}" if call.func.id in BUILTINS else ""
    if not isinstance(call.func, ast.Attribute):
        return ""
    owner, name = getattr(call.func.value, "id", ""), call.func.attr
    if owner == "yaml" and name in YAML:
        return f"calls yaml.{name}"
    if owner == "torch" and name == "load" and not _is(given.get("weights_only"), True):
        return "calls torch.load without weights_only=True"
    if name == "load" and "allow_pickle" in given and not _is(given["allow_pickle"], False):
        return "allows pickles in arrays"
    return "runs a shell" if "shell" in given and not _is(given["shell"], False) else ""


def _is(node: ast.expr | None, value: bool) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


@pytest.mark.parametrize("package", PACKAGES)
def test_no_package_turns_bytes_into_code(package: str) -> None:
    files = list((ROOT / package).rglob("*.py"))

    found = {str(path.relative_to(ROOT)): [*dangers(path.read_text("utf-8"))] for path in files}

    assert found
    assert {name: what for name, what in found.items() if what} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from marshal import loads",
        "def f():\n    import shelve",
        "eval('1')",
        "exec('1')",
        "__import__('os')",
        "compile('1', '', 'eval')",
        "yaml.load(text)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path, allow_pickle=True)",
        "subprocess.run(command, shell=True)",
    ],
)
def test_such_code_would_be_found(source: str) -> None:
    assert list(dangers(source))


@pytest.mark.parametrize(
    "source", ["model.eval()", "re.compile('a')", "torch.load(path, weights_only=True)", "json.load(file)"]
)
def test_what_only_looks_like_it_is_let_be(source: str) -> None:
    assert not list(dangers(source))
