"""Settings: where each value comes from, and what is refused."""

from __future__ import annotations

import pytest

from broker.settings import parser_for, pick
from server.__main__ import main
from server.fleet.defaults import parse_defaults
from server.settings import ServerSettings


def read(*arguments, **environ):
    values = parser_for("server", "", ServerSettings, environ=environ).parse_args(arguments)
    return pick(ServerSettings, values)


def test_the_port_is_9527():
    assert (read().port, read().metrics_port, read().host) == (9527, 9528, "127.0.0.1")


def test_a_flag_beats_the_environment():
    assert read("--port", "1", JITNEY_PORT="2").port == 1


def test_the_environment_beats_the_default():
    assert read(JITNEY_MAX_QUEUE_JOBS="7").max_queue_jobs == 7


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--port", "70000"], "--port is a port"),
        (["--metrics-port", "-1"], "--metrics-port is a port"),
        (["--max-records", "0"], "--max-records must be above 0"),
        (["--max-body-bytes", "-5"], "--max-body-bytes must be above 0"),
        (["--default-timeout", "0"], "--default-timeout must be above 0"),
        (["--drain-seconds", "nan"], "--drain-seconds: say a finite number"),
        (["--namespace", "a}b"], "is not spelled as"),
        (["--default-timeout", "900"], "--default-timeout is above --max-timeout"),
        (["--drain-seconds", "-1"], "--drain-seconds must not be below 0"),
        (["--host", ""], "--host is empty"),
        (["--cache-bytes", "-1"], "--cache-bytes must not be below 0"),
        (["--cache-ttl", "0"], "--cache-ttl must be above 0"),
        (["--cache-scope", "both"], "--cache-scope: choose one of key, all"),
        (["--cache-url", "redis://cache"], "--cache-url needs --cache-bytes above 0"),
        (["--host", "http://0.0.0.0"], "--host takes an address, not a URL"),
        (["--default-models", "embedding"], "--default-models: 'embedding' is not spelled as task=name"),
        (["--default-models", "embedding=A b"], "is not spelled as task=name"),
        (["--default-models", "embedding=a,embedding=b"], "two models are named for embedding"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(flags, complaint, capsys):
    with pytest.raises(SystemExit) as caught:
        main(flags)

    assert caught.value.code == 2
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize("text", ["embedding=a,translation=b", " embedding = a , translation = b ,", ""])
def test_default_models_are_read_by_task(text):
    assert parse_defaults(text) == ({"embedding": "a", "translation": "b"} if text else {})


@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    [
        ("JITNEY_PORT", "abc", "error: JITNEY_PORT: invalid int value: 'abc'"),
        ("JITNEY_PORT", "70000", "error: JITNEY_PORT is a port"),
        ("JITNEY_REUSE_PORT", "maybe", "error: JITNEY_REUSE_PORT: say on or off"),
        ("JITNEY_LOG_LEVEL", "loud", "error: JITNEY_LOG_LEVEL: choose one of"),
        ("JITNEY_MAX_PIXELS", "178956971", "error: JITNEY_MAX_PIXELS must not be above 178956970"),
        ("JITNEY_DEFAULT_TIMEOUT", "900", "error: JITNEY_DEFAULT_TIMEOUT is above --max-timeout"),
    ],
)
def test_what_is_wrong_with_a_variable_is_said_of_the_variable(variable, value, complaint, capsys, monkeypatch):
    monkeypatch.setenv(variable, value)

    with pytest.raises(SystemExit):
        main([])

    assert complaint in capsys.readouterr().err


def test_a_flag_makes_a_variable_that_cannot_be_meant_harmless():
    assert read("--port", "1", JITNEY_PORT="abc").port == 1


def test_a_url_in_the_wrong_place_is_not_repeated_with_its_password(capsys):
    with pytest.raises(SystemExit):
        main(["redis://:a/secret@h"])

    assert "secret" not in capsys.readouterr().err


def test_the_defaults_have_nothing_to_complain_about():
    assert ServerSettings().complaints() == []
