"""`jitney doctor` has a store of files tried by a process of the front end's code."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from jitney.admin.files import NO_FRONT_END, of_files
from jitney.admin.findings import Mark


def test_a_directory_that_will_do_is_ok(tmp_path: Path) -> None:
    found = of_files(str(tmp_path / "files"))

    assert (found.mark, found.said) == (Mark.OK, "it keeps, finds and forgets")


def test_one_that_will_not_fails_with_its_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    found = of_files(str(tmp_path / "file"))

    assert (found.mark, "File exists" in found.said, "permissions" in found.remedy) == (Mark.FAIL, True, True)


@pytest.mark.parametrize("said", [b"", b"Traceback", b"[]", b'{"said": "x"}'])
def test_where_no_front_end_is_installed_that_is_said(monkeypatch: pytest.MonkeyPatch, said: bytes) -> None:
    def run(*arguments: Any, **options: Any) -> Any:
        return subprocess.CompletedProcess(arguments, 1, stdout=said)

    monkeypatch.setattr(subprocess, "run", run)

    assert of_files("here").remedy == NO_FRONT_END


def test_one_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*arguments: Any, timeout: float, **options: Any) -> Any:
        raise subprocess.TimeoutExpired("", timeout)

    monkeypatch.setattr(subprocess, "run", run)

    assert of_files("here").said == "no answer within 90 s"
