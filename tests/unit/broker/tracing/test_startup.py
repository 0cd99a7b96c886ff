"""When a process makes spans, and what it says where it cannot."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

import pytest

from broker.tracing import startup
from broker.tracing.settings import TracingSettings
from broker.tracing.startup import tracing_from
from tests.integration.processes import ROOT, clean_environ

VARIABLE = "OTEL_EXPORTER_OTLP_ENDPOINT"
COLLECTOR = {VARIABLE: "http://127.0.0.1:1"}
PROCESSES = "import sys, server.__main__, batcher.__main__, server.app, batcher.serving.loop, server.webhooks.sender"

OURS = ("broker.tracing.sdk", "batcher.spans", "opentelemetry.exporter", "opentelemetry.sdk.trace")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that spans would be sent to."""
    found: list[str] = []
    sdk = pytest.importorskip("broker.tracing.sdk")
    monkeypatch.setattr(sdk, "Tracing", lambda endpoint, *_, **__: found.append(endpoint))
    return found


def start(environ: Mapping[str, str], flag: str = "") -> None:
    tracing_from(environ, TracingSettings(otlp_endpoint=flag), "test", samples=True)


@pytest.mark.parametrize(
    ("environ", "flag", "endpoint"),
    [
        pytest.param(COLLECTOR, "", "http://127.0.0.1:1/v1/traces", id="the variable"),
        pytest.param({}, "https://c:4318/", "https://c:4318/v1/traces", id="the flag"),
        pytest.param(COLLECTOR, "http://c:4318", "http://c:4318/v1/traces", id="the flag beats it"),
        pytest.param(
            COLLECTOR | {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://t:1/in"},
            "",
            "http://t:1/in",
            id="the one for traces is taken as it is",
        ),
        pytest.param(
            COLLECTOR | {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", "OTEL_TRACES_EXPORTER": "otlp"},
            "",
            "http://127.0.0.1:1/v1/traces",
            id="said otherwise",
        ),
    ],
)
def test_spans_are_sent_where_a_collector_is_named(
    asked: list[str], environ: Mapping[str, str], flag: str, endpoint: str
) -> None:
    start(environ, flag)

    assert asked == [endpoint]


@pytest.mark.parametrize(
    "environ",
    [
        pytest.param({}, id="nothing is said"),
        pytest.param({VARIABLE: ""}, id="an empty one"),
        pytest.param(COLLECTOR | {"OTEL_SDK_DISABLED": "true"}, id="the SDK is off"),
        pytest.param(COLLECTOR | {"OTEL_TRACES_EXPORTER": "none"}, id="spans are not for it"),
    ],
)
def test_else_there_are_none(asked: list[str], environ: Mapping[str, str]) -> None:
    start(environ)

    assert asked == []


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        pytest.param({VARIABLE: "collector:4318"}, "must be http://host:port", id="no URL"),
        pytest.param({VARIABLE: "http://"}, "must be http://host:port", id="no host"),
        pytest.param({VARIABLE: "http://h:port"}, "must be http://host:port", id="no port"),
        pytest.param({VARIABLE: "http://u:secret@h:1"}, "OTEL_EXPORTER_OTLP_HEADERS is for keys", id="a password"),
        pytest.param({VARIABLE: "http://h:1?key=secret"}, "OTEL_EXPORTER_OTLP_HEADERS is for keys", id="a key"),
        pytest.param(COLLECTOR | {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "port 4318", id="a protocol we do not speak"),
        *[
            pytest.param(COLLECTOR | {variable: text}, f"{variable} must be name=value", id=f"{variable}: {text!r}")
            for variable in startup.HEADERS
            for text in (
                "secret",
                "a=1,secret",
                "a=secret;b",
                'a="secret"',
                "a=secret\\",
                "a=sécret",
                "a=secret%0Ab",
                "=secret",
            )
        ],
    ],
)
def test_what_cannot_work_is_said_at_start_and_no_secret_with_it(environ: Mapping[str, str], said: str) -> None:
    with pytest.raises(ValueError, match="OTEL_EXPORTER_OTLP") as refused:
        start(environ)

    assert said in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "names"),
    [("", ""), ("a=1", "a"), ("Authorization=Bearer%20x==, b = c d,\n", "authorization b"), ("a=(b)/c:d@e?f=g", "a")],
)
def test_all_headers_that_are_taken_are_sent(asked: list[str], text: str, names: str) -> None:
    start(COLLECTOR | {"OTEL_EXPORTER_OTLP_HEADERS": text})

    sent = pytest.importorskip("opentelemetry.util.re").parse_env_headers(text, liberal=True)
    assert asked and [*sent] == names.split()


def test_where_the_extra_is_missing_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(startup, "NEEDED", ("opentelemetry", "opentelemetry_nowhere.sdk"))

    with pytest.raises(ValueError, match=r"pip install 'jitney\[tracing\]'"):
        start(COLLECTOR)


def test_a_process_that_sends_none_imports_nothing_of_it() -> None:
    # redis-py, which finds it installed, imports some of it for metrics of its own.
    check = f"{PROCESSES}; sys.exit(any(name.startswith({OURS!r}) for name in sys.modules))"

    assert subprocess.run([sys.executable, "-c", check], env=clean_environ(), cwd=ROOT, timeout=60).returncode == 0


@pytest.mark.parametrize("arguments", [["server"], ["batcher", "--model", "synthetic:1ms"]], ids=["server", "batcher"])
def test_a_process_refuses_to_start_with_what_cannot_work(arguments: list[str]) -> None:
    command = [sys.executable, "-m", *arguments, "--otlp-endpoint", "collector:4318"]

    ended = subprocess.run(command, env=clean_environ(), cwd=ROOT, capture_output=True, text=True, timeout=60)

    assert ended.returncode == 2
    assert "--otlp-endpoint must be http://host:port" in ended.stderr
