"""The file for Locust sends what load sends."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks.load.command import read_plan
from benchmarks.load.plan import bodies

FILE = Path(__file__).resolve().parents[4] / "benchmarks/clients/locustfile.py"


@pytest.fixture
def texts(tmp_path: Path) -> str:
    (tmp_path / "texts").write_text("a\n\nb\nc\n")
    return str(tmp_path / "texts")


def test_its_bodies_are_those_of_load(texts: str, monkeypatch: pytest.MonkeyPatch):
    names = ("FastHttpUser", "constant", "constant_throughput", "events")
    locust = SimpleNamespace(**{name: type(name, (), {"__init__": lambda self, *given: None}) for name in names})
    locust.task = lambda function: function
    monkeypatch.setitem(sys.modules, "locust", locust)
    for name, value in {"TEXTS_FILE": texts, "RECORDS": "2", "FROM_LANG": "en", "TO_LANG": "ja"}.items():
        monkeypatch.setenv(name, value)

    body = runpy.run_path(str(FILE))["body"]

    asked = ["--records", "2", "--texts-file", texts, "--from-lang", "en", "--to-lang", "ja"]
    ours = bodies(read_plan(["--rate", "1", *asked])[0])
    assert [body() for _ in ours] == [json.loads(one) for one in ours]
