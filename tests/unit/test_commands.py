"""Every command that a page shows is one: its flags, targets, files and addresses are there."""

from __future__ import annotations

import argparse
import itertools
import json
import re
import runpy
import subprocess
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import typer.main
from jsonschema import Draft202012Validator

from broker.settings import env_name, rows
from docs.http import described
from docs.settings import SECTIONS
from jitney.ask import COMMANDS as ASK
from jitney.ask.cli import parser as ask_parser
from jitney.cli import app
from tests.shown_commands import PAGES, ROOT, Command, commands, of_line
from tests.shown_elsewhere import PROGRAMS

# Which the reader writes, or which is made by the command before.
OF_THE_READER = {"k8s/overlays/mine", "counting.py", "keys.jsonl"}
# Variables that are no settings: each is read by what is named here.
VARIABLES = {
    "JITNEY_TEST_EXAMPLES": "tests/faults",
    "JITNEY_WEBHOOK_SECRET": "server/webhooks/startup.py",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "the OpenTelemetry SDK",
    "OTEL_TRACES_SAMPLER": "the OpenTelemetry SDK",
    "OTEL_TRACES_SAMPLER_ARG": "the OpenTelemetry SDK",
    **dict.fromkeys(("BATCHER", "FRONT_END", "OPERATOR", "PASSWORD", "WRITER"), "the next command"),
    "ENDPOINT": "benchmarks/clients/locustfile.py",
}


class Parsed(BaseException):
    """The command line is understood; what it would do is left undone."""


def jitney(command: Command) -> None:
    name, *_ = arguments = list(command.words[1:])
    if name in ASK:
        ask_parser(name).parse_args(arguments[1:])
        return
    _typed(typer.main.get_command(app), "jitney", arguments)


def _typed(command: Any, name: str, arguments: Sequence[str], parent: Any = None) -> None:
    with command.make_context(name, list(arguments), parent=parent) as context:
        if hasattr(command, "commands"):
            called, found, rest = command.resolve_command(context, [*context._protected_args, *context.args])
            _typed(found, called, rest, context)


def python(command: Command) -> None:
    if command.words[1] == "-c":
        compile(command.words[2], "python", "exec")
        return
    flag, module, *arguments = command.words[1:]
    assert flag == "-m"
    if module == "pytest":
        there(*(word.removeprefix("--ignore=") for word in arguments if "/" in word))
        return
    if not arguments and module.startswith(("docs.", "monitoring.")):
        there(module.replace(".", "/") + ".py")  # it has no flags
        return
    _run_until_parsed(module, arguments)


def _run_until_parsed(module: str, arguments: Sequence[str]) -> None:
    parse = argparse.ArgumentParser.parse_args

    def parsed(self: argparse.ArgumentParser, *given: Any, **named: Any) -> None:
        parse(self, *given, **named)
        raise Parsed

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Parsed), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # runpy: the module is there already
        patch.setattr(argparse.ArgumentParser, "parse_args", parsed)
        patch.setattr(sys, "argv", [module, *arguments])
        runpy.run_module(module, run_name="__main__", alter_sys=False)


def make(command: Command) -> None:
    """Its target, its variables, and the commands that it would run."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for word in command.words[1:]:
        name, is_variable, _ = word.partition("=")
        assert re.search(rf"^{name} \?=" if is_variable else rf"^{name}:", makefile, re.MULTILINE), word
    would = subprocess.run(
        [*command.words, "--dry-run", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for line in would.stdout.replace("\\\n", " ").splitlines():
        if re.search(r"bin/(python -m (?!pip)|jitney)", line):
            for one in of_line(command.page, line):
                CHECKS[one.program](one)


def kubectl(command: Command) -> None:
    there(*named(command, "-k", "-f"))


def docker(command: Command) -> None:
    there(*named(command, "-f", "--file"))
    if command.words[1] == "build":
        there(command.words[-1])


def curl(command: Command) -> None:
    urls = [word for word in command.words if word.startswith("http://")]
    if not urls:
        assert "…" in command.words, "no address"
        return
    url = urlsplit(urls[0])
    bodies = [*named(command, "-d"), *named(command, "--data-binary")]
    (method,) = named(command, "-X") or ["POST" if bodies else "GET"]
    operation = operation_at(url.path, method.lower())
    known = {one["name"] for one in operation["parameters"] if one["in"] == "query"}
    assert parse_qs(url.query).keys() <= known
    for body in named(command, "-d"):
        if body != "…":
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            Draft202012Validator(schema | {"components": described()["components"]}).validate(json.loads(body))


def operation_at(path: str, method: str) -> Any:
    for template, methods in described()["paths"].items():
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))
        if re.fullmatch(pattern, path) and method in methods:
            return methods[method]
    raise AssertionError(f"nothing answers {method} {path}")


def elsewhere(command: Command) -> None:
    """It belongs to the reader's system."""


CHECKS: Mapping[str, Callable[[Command], None]] = {
    **dict.fromkeys(PROGRAMS, elsewhere),
    "jitney": jitney,
    "python": python,
    "make": make,
    "kubectl": kubectl,
    "docker": docker,
    "curl": curl,
}


def named(command: Command, *flags: str) -> list[str]:
    """What stands behind these flags."""
    words = command.words
    return [value for flag, value in itertools.pairwise(words) if flag in flags]


def there(*names: str) -> None:
    missing = [name for name in names if name not in OF_THE_READER and name != "-" and not (ROOT / name).exists()]
    assert missing == []


@cache
def settings() -> frozenset[str]:
    return frozenset(env_name(row.name) for _, table in SECTIONS for row, _ in rows(table))


def check(command: Command) -> None:
    unknown = [name for name in command.variables if name not in settings() and name not in VARIABLES]
    assert unknown == []
    if not command.words:
        return
    assert command.program in CHECKS, f"nobody checks {command.program}"
    CHECKS[command.program](command)


@pytest.fixture(autouse=True)
def of_the_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What docs/history.md supposes."""
    monkeypatch.setenv("JITNEY_HISTORY_DATABASE", "history.db")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "picture.jpg").touch()


SHOWN = [
    pytest.param(command, id=str(command))
    for page in PAGES
    if page.name != "CHANGELOG.md"  # which is about what was
    for command in commands(page, CHECKS)
]


@pytest.mark.parametrize("command", SHOWN)
def test_every_command_of_a_page_is_one(command: Command) -> None:
    try:
        check(command)
    except SystemExit as ended:
        pytest.fail(f"it is not understood: {ended.code}")


@pytest.mark.parametrize(
    "wrong",
    [
        "jitney statsu",
        "jitney status --wathc",
        "jitney translate - --form en",
        "python -m server --prot 9527",
        "python -m benchmarks load --speed 200",
        "make tests",
        "make soak HOURS=1",
        "kubectl apply -k k8s/overlays/none",
        "docker build -f Dockerfile.none .",
        "curl -s http://127.0.0.1:9527/translations -d '{}'",
        "curl -s http://127.0.0.1:9527/translation",
        "curl -s 'http://127.0.0.1:9527/history?limits=1'",
        """curl -s http://127.0.0.1:9527/translation -d '{"payload": {"toLang": "en", "records": []}}'""",
        "JITNEY_PROT=1 jitney up",
        "nobody knows",
    ],
)
def test_a_command_that_is_none_is_noticed(wrong: str) -> None:
    (command,) = of_line(ROOT / "README.md", wrong)

    with pytest.raises((Exception, SystemExit)):
        check(command)
