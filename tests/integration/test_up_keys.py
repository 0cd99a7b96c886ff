"""`jitney up` whose front ends ask for keys: what it shows makes one, and calls with it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.processes import ROOT, clean_environ
from tests.integration.up import READY, Up, running_up
from tests.waiting import until


def in_shell(command: str, tmp_path: Path) -> str:
    """What a person's shell says, which knows `jitney`."""
    script = tmp_path / "jitney"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m jitney "$@"\n')
    script.chmod(0o755)
    environ = clean_environ() | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", command], cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    return done.stdout


def shown(up: Up, word: str) -> str:
    line = next(line for line in up.said().splitlines() if word in line)
    return line[line.index(word) :]


@pytest.mark.skipif(shutil.which("curl") is None, reason="the line to paste is one for curl")
def test_the_lines_that_it_shows_make_a_key_and_call_with_it(tmp_path: Path) -> None:
    with running_up("--model", "synthetic:1ms+0ms", output=tmp_path / "said", JITNEY_API_KEYS="on") as up:
        up.says(READY)
        export, curl = shown(up, "export KEY="), shown(up, "curl -s")
        assert '"unauthenticated"' in in_shell(curl, tmp_path)
        key = in_shell(f'{export}; printf %s "$KEY"', tmp_path)

        assert key.startswith("jit_")
        until(lambda: '"result"' in in_shell(f"KEY={key}; {curl}", tmp_path), "the key lets in", within=10.0)
