"""What commands do with outputs that take nothing, and with letters and variables that cannot be meant."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from broker.common.free_port import free_port

ROOT = Path(__file__).resolve().parents[3]


def said(*arguments: str, shell: str = 'exec "$@"', **environ: str) -> subprocess.CompletedProcess[str]:
    """`jitney …` inside a shell that may do something to its outputs, and its end."""
    command = ["/bin/bash", "-o", "pipefail", "-c", shell, "sh", sys.executable, "-m", "jitney", *arguments]
    away = {"JITNEY_REDIS_URL": f"redis://127.0.0.1:{free_port()}/0", **environ}
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, **away}, capture_output=True, timeout=30, encoding="latin-1"
    )


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
@pytest.mark.parametrize("command", ["status", "doctor"])
def test_a_terminal_without_our_letters_gets_simpler_ones(command: str, encoding: str) -> None:
    ended = said(command, PYTHONIOENCODING=encoding)

    assert ended.returncode == 1 and "Traceback" not in ended.stderr
    assert "nothing listens there" in ended.stdout + ended.stderr


def test_a_reader_that_has_read_enough_ends_a_command_quietly() -> None:
    ended = said("status", "--watch", "0.1", "--json", shell='"$@" | head -n 1')

    assert ended.returncode == 141 and ended.stderr == ""


def test_an_answer_that_cannot_be_written_is_a_failure_in_one_line() -> None:
    ended = said("doctor", shell='exec "$@" >/dev/full')

    assert ended.returncode == 1
    assert ended.stderr == "jitney: this cannot be written: No space left on device\n"


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_outputs_end_no_command_in_a_traceback(closed: str) -> None:
    ended = said("status", shell=f'exec "$@" {closed}')

    assert ended.returncode == 1 and "Traceback" not in ended.stderr + ended.stdout


def test_what_is_wrong_with_a_variable_is_said_of_the_variable() -> None:
    ended = said("up", JITNEY_PORT="many")

    assert ended.returncode == 2
    assert "Invalid value for JITNEY_PORT:" in ended.stderr and "--port" not in ended.stderr


@pytest.mark.parametrize(
    "arguments",
    [["status", "redis://:a/secret@h"], ["up", "redis://:secret@h"], ["status", "--namespace", "unix://a:secret@/s"]],
)
def test_a_url_in_the_wrong_place_is_not_repeated_with_its_password(arguments: list[str]) -> None:
    ended = said(*arguments)

    assert ended.returncode == 2 and "secret" not in ended.stderr
