"""`jitney up --reload` and `jitney new-model`, with real processes: what is saved is served, and nothing else stops."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.integration.processes import ROOT, clean_environ
from tests.integration.up import READY, Up, running_up

pytestmark = pytest.mark.timeout(180)  # each starts four processes, and some of them again

MODEL = """
import time
from pathlib import Path

class Mine:
    def forward(self, inputs):
        while Path("hold").exists():
            time.sleep(0.01)
        return ["one" for _ in inputs]
"""
MINE, OTHER, FRONT_END = "mine:Mine", "synthetic:1ms+0ms", "-m server"  # words of their command lines
WAITING = "jitney_requests_waiting "
AGAIN = "batcher mine: mine.py changed; it starts again"


def save(file: Path, text: str) -> None:
    """As editors do: another file, and a new name for it."""
    other = file.with_suffix(".tmp")
    other.write_text(text)
    other.rename(file)


def answer(up: Up) -> Any:
    """Of the model that is shown first; None while it has none."""
    reply = up.call_as_shown()
    return reply.json()["result"][0]["text"] if reply.status == 200 else None


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    file = tmp_path / "mine.py"
    file.write_text(MODEL)
    return file


@pytest.fixture
def up(mine: Path) -> Iterator[Up]:
    """An own model beside another, ready."""
    here = mine.parent
    with running_up("--reload", "--model", MINE, "--model", OTHER, output=here / "said", here=here) as up:
        up.says(READY)
        yield up


def test_an_own_model_answers_as_it_was_saved_last_and_nothing_else_is_started_again(up: Up, mine: Path) -> None:
    assert answer(up) == "one"
    old, others = up.child(MINE), [up.child(OTHER), up.child(FRONT_END)]

    save(mine, MODEL.replace("one", "two"))  # of the same size, and maybe in the same second

    up.says(AGAIN)
    up.until(lambda: answer(up) == "two", "the new text answers")
    assert [up.child(OTHER), up.child(FRONT_END)] == others
    assert up.child(MINE) != old


def test_what_waits_while_its_model_is_started_again_is_answered(up: Up, mine: Path) -> None:
    hold = mine.with_name("hold")
    hold.touch()
    with ThreadPoolExecutor(4) as clients:
        replies = [clients.submit(up.call_as_shown) for _ in range(4)]
        up.until(lambda: _waiting(up) == 4, "all wait")

        save(mine, MODEL.replace("one", "two"))
        up.says(AGAIN)
        hold.unlink()

        answers = [reply.result() for reply in replies]

    assert [one.status for one in answers] == [200] * 4
    assert {one.json()["result"][0]["text"] for one in answers} <= {"one", "two"}


def test_what_cannot_be_started_is_said_and_waits_until_it_is_mended(up: Up, mine: Path) -> None:
    old = up.child(MINE)

    save(mine, "class Mine:\n    def (")
    up.says("batcher mine goes on as it is: mine.py, line 2: ")
    mine.unlink()
    up.says("batcher mine goes on as it is: the module mine is gone")
    assert answer(up) == "one" and up.child(MINE) == old

    save(mine, "import helpers" + MODEL)
    up.says("batcher mine cannot start: mine needs the module helpers, which is not installed; it waits for a change")
    assert not any(MINE in command for command in up.children().values())

    save(mine.with_name("helpers.py"), "")
    up.says("batcher mine: helpers.py changed; it starts again")
    up.until(lambda: answer(up) == "one", "it answers again")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Jitney's own packages, to be changed."""
    for name in ("jitney", "server", "broker", "batcher", "history"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_front_ends_are_started_again_when_the_server_changes_and_no_batcher_is(copy: Path) -> None:
    app = copy / "server" / "app.py"
    text = app.read_text()
    arguments = ("--reload", "--model", OTHER)
    with running_up(*arguments, output=copy / "said", here=copy, PYTHONPATH=str(copy)) as up:
        up.says(READY)
        batcher, front_end = up.child(OTHER), up.child(FRONT_END)

        save(app, text + "\nraise RuntimeError('half done')\n")
        up.says("front end 1: server/app.py changed; it starts again")
        up.says("front end 1 cannot start: RuntimeError: half done; it waits for a change")
        save(app, text)
        up.says("front end 1 ready", times=2)
        up.until(lambda: up.call_as_shown().status == 200, "it answers again")
        assert up.child(FRONT_END) != front_end

        (copy / "batcher" / "metrics.py").touch()
        up.says("batcher/metrics.py changed; batchers go on with what they have loaded")
        assert up.child(OTHER) == batcher


def test_a_new_model_passes_its_test_is_served_by_the_line_shown_and_changes_when_it_is_saved(tmp_path: Path) -> None:
    said = _run(tmp_path, "jitney", "new-model", "word_count")
    _run(tmp_path, "pytest", "-q", "test_word_count.py")
    line = next(line for line in said.splitlines() if "jitney up" in line)

    with running_up(*line.split()[2:], output=tmp_path / "said", here=tmp_path) as up:
        up.says(READY)
        before = up.call_as_shown().json()
        model = tmp_path / "word_count.py"
        save(model, model.read_text().replace("len(text.split())", "len(text)"))
        up.until(lambda: up.call_as_shown().body.find(b'"words":33') > 0, "it counts letters")

    assert before == {"result": [{"id": "123", "words": 7}]}


def _waiting(up: Up) -> int:
    return sum(int(float(row.split()[-1])) for row in up.metrics("front end 1").splitlines() if row.startswith(WAITING))


def _run(here: Path, *command: str) -> str:
    """Its output; it must end well."""
    environ = clean_environ() | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run([sys.executable, "-m", *command], cwd=here, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
