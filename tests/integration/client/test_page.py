"""docs/client.md does what it says: its Python as a doctest, its commands in a shell."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.processes import ROOT, clean_environ
from tests.integration.stack import Stack

pytest.importorskip("pycld2", reason="languages are found out with the extra langid")

PAGE = ROOT / "docs" / "client.md"
TEXT = PAGE.read_text(encoding="utf-8")
CONSOLE = re.search(r"```console\n(.*?)```", TEXT, re.DOTALL)
COMMAND = re.compile(r"^\$ (.+)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)


def test_every_example_in_python_runs_as_written(system: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JITNEY_URL", system.url)
    monkeypatch.chdir(ROOT)

    examples = doctest.DocTestParser().get_doctest(TEXT, {}, "client.md", str(PAGE), 0)
    said: list[str] = []
    results = doctest.DocTestRunner().run(examples, out=said.append, clear_globs=False)
    examples.globs["client"].close()

    assert results.attempted >= 20
    assert results.failed == 0, "".join(said)


def shell(directory: Path, url: str, command: str) -> str:
    """Both outputs of a command in whose shell `jitney` and `python` are ours."""
    for name, what in {"jitney": "-m jitney", "python": ""}.items():
        script = directory / name
        script.write_text(f'#!/bin/sh\nexec {sys.executable} {what} "$@"\n')
        script.chmod(0o755)
    environ = clean_environ()
    environ |= {"PATH": f"{directory}:{environ['PATH']}", "JITNEY_URL": url}
    ended = subprocess.run(
        ["/bin/bash", "-c", command],
        env=environ,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=50,
    )
    return ended.stdout


@pytest.mark.parametrize(("command", "shown"), COMMAND.findall(CONSOLE[1] if CONSOLE else ""))
def test_every_command_says_what_the_page_shows(system: Stack, tmp_path: Path, command: str, shown: str) -> None:
    assert shell(tmp_path, system.url, command) == shown
