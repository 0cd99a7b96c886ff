"""What a person is shown."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest
from typer.testing import CliRunner

from jitney import __version__
from jitney.cli import app
from jitney.up.greeting import curl_line, curl_lines, greeting
from jitney.up.probe import Probe
from jitney.up.screen import plain

IMAGES = "image-classification"


@pytest.mark.parametrize(
    ("model", "path", "payload"),
    [
        pytest.param(
            {"name": "t", "task": "translation", "languages": ["de", "en", "ja"]},
            "/translation",
            {"fromLang": "en", "toLang": "ja"},
            id="a translation from English into Japanese",
        ),
        pytest.param(
            {"name": "t", "task": "translation", "languages": ["de", "fr"]},
            "/translation",
            {"fromLang": "de", "toLang": "fr"},
            id="a translation between languages that it has",
        ),
        pytest.param({"name": "c", "task": "classification"}, "/classification", {"topK": 2}, id="a classification"),
        pytest.param({"name": "e", "task": "embedding"}, "/embedding", {}, id="an embedding"),
        pytest.param({"name": "p", "task": IMAGES}, f"/{IMAGES}", {"topK": 2}, id="a classification of pictures"),
        pytest.param(
            {"name": "r", "task": "rerank"},
            "/rerank",
            {"query": "When does the bus leave?", "topK": 2},
            id="a query and texts",
        ),
        pytest.param(
            {"name": "z", "task": "zero-shot"},
            "/classification",
            {"labels": ["travel", "cooking", "politics"], "topK": 3},
            id="labels of the request",
        ),
        pytest.param({"name": "shout", "task": "shouting"}, "/models/shout", {}, id="any other by its name"),
    ],
)
def test_the_line_to_paste_fits_the_model(model: dict[str, Any], path: str, payload: dict[str, Any]) -> None:
    words = shlex.split(curl_line("http://h:1", model))

    sent = json.loads(words[-1])["payload"]
    assert words[2] == f"http://h:1{path}"
    assert sent.pop("records")[0]["id"] == "123"
    assert sent == payload


def test_where_two_models_have_one_task_the_line_names_the_model() -> None:
    lines = curl_lines("", [{"name": name, "task": "embedding"} for name in ("a", "b")])

    assert ['"model": "a"' in lines[0], '"model": "b"' in lines[1]] == [True, True]


def test_the_greeting_says_how_to_look_at_a_broker_that_nobody_else_knows() -> None:
    private = greeting("http://h:1", [], {}, "unix:///tmp/x/broker.sock")
    named = greeting("http://h:1", [], {})

    assert "  look     JITNEY_REDIS_URL=unix:///tmp/x/broker.sock jitney status" in private
    assert "  look     jitney status" in named


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ('{"event": "serving", "model": "m", "level": "info", "timestamp": "t"}', "serving model=m"),
        ('{"event": "lost", "level": "warning"}', "warning lost"),
        ('{"no": "event"}', '{"no": "event"}'),
        ("{broken", "{broken"),
        ("Traceback", "Traceback"),
    ],
)
def test_log_lines_are_shown_in_words(line: str, seen: str) -> None:
    assert plain(line) == seen


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://127.0.0.1:1"), ("0.0.0.0", "http://127.0.0.1:1"), ("::1", "http://[::1]:1")],
)
def test_the_url_shown_is_one_that_works_here(host: str, url: str) -> None:
    assert Probe(host, 1).url == url


def test_the_command_says_its_version() -> None:
    result = CliRunner().invoke(app, ["--version"])

    assert result.output == f"jitney {__version__}\n"


def test_help_shows_examples() -> None:
    result = CliRunner().invoke(app, ["up", "--help"])

    assert "\n  jitney up --model" in result.output


def test_where_keys_are_asked_for_the_lines_make_one_and_send_it() -> None:
    lines = greeting("http://h:1", [{"name": "c", "task": "classification"}], {}, "unix:///b", has_keys=True)

    [curl] = [line for line in lines if "curl -s" in line]
    assert shlex.split(curl)[-2:] == ["-H", "Authorization: Bearer $KEY"]
    assert '"Authorization: Bearer $KEY"' in curl  # which the shell fills in
    assert "  keys     export KEY=$(JITNEY_REDIS_URL=unix:///b jitney keys add alice)" in lines
