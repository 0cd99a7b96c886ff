"""What a process needs before it makes spans. Nothing here imports OpenTelemetry unless a collector is named."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from broker.tracing.settings import TracingSettings

if TYPE_CHECKING:
    from broker.tracing.sdk import Tracing

NEEDED = ("opentelemetry", "opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
FLAG, VARIABLE = "--otlp-endpoint", "OTEL_EXPORTER_OTLP_ENDPOINT"
NOT_INSTALLED = "{}: OpenTelemetry is not installed: pip install 'jitney[tracing]', or OTEL_SDK_DISABLED=true"
PROTOCOL = "http/protobuf"
OTHER_PROTOCOL = "{} is {}: spans are sent as http/protobuf only, which collectors take on port 4318"
NO_URL = "{} must be http://host:port or https://…, without user and query: OTEL_EXPORTER_OTLP_HEADERS is for keys"
HEADERS = ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")
HEADER = re.compile(r"[!#$&'*+.^`|~\w-]+ *= *[^\",;\\]*", re.ASCII)
NO_HEADERS = (
    '{} must be name=value,name=value in ASCII; in values write ", comma, ; and backslash as %22, %2C, %3B, %5C'
)
PATH = "/v1/traces"


def tracing_from(
    environ: Mapping[str, str], settings: TracingSettings, service: str, *, samples: bool
) -> Tracing | None:
    """None where no collector is named. Raises `ValueError` where something is wrong or missing. `samples`: this is
    where traces begin; else they are followed, where whoever began them wants that."""
    name, endpoint = _endpoint(environ, settings)
    if not endpoint or _is_off(environ):
        return None
    _check(environ, name, endpoint)
    from broker.tracing.sdk import Tracing

    return Tracing(endpoint, service, samples=samples, environ=environ)


@contextmanager
def spans_sent(tracing: Tracing | None) -> Iterator[None]:
    """What is left of them when the `with` ends."""
    try:
        yield
    finally:
        if tracing is not None:
            tracing.close()


def _endpoint(environ: Mapping[str, str], settings: TracingSettings) -> tuple[str, str]:
    """What names it, and the address that spans are posted to."""
    if whole := environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "") if not settings.otlp_endpoint else "":
        return "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", whole
    name = FLAG if settings.otlp_endpoint else VARIABLE
    base = settings.otlp_endpoint or environ.get(VARIABLE, "")
    return name, base and base.rstrip("/") + PATH


def _is_off(environ: Mapping[str, str]) -> bool:
    exporters = environ.get("OTEL_TRACES_EXPORTER") or "otlp"
    return environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true" or "otlp" not in exporters.split(",")


def _check(environ: Mapping[str, str], name: str, endpoint: str) -> None:
    for variable in ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        if protocol := environ.get(variable, ""):
            if protocol != PROTOCOL:
                raise ValueError(OTHER_PROTOCOL.format(variable, protocol))
            break
    for variable in HEADERS:  # the SDK would go on without, and log them: they hold keys
        if not _is_headers(environ.get(variable, "")):
            raise ValueError(NO_HEADERS.format(variable))
    if not _is_url(endpoint):
        raise ValueError(NO_URL.format(name))
    if not _is_installed():
        raise ValueError(NOT_INSTALLED.format(name))


def _is_headers(text: str) -> bool:
    members = [member.strip() for member in text.split(",") if member.strip()]
    sent = unquote("".join(members))
    return all(map(HEADER.fullmatch, members)) and sent.isascii() and sent.isprintable()


def _is_url(endpoint: str) -> bool:
    try:
        parts = urlsplit(endpoint)
        port = parts.port
    except ValueError:
        return False
    is_plain = "@" not in parts.netloc and not parts.query and not parts.fragment and port != 0
    return parts.scheme in ("http", "https") and bool(parts.hostname) and is_plain


def _is_installed() -> bool:
    try:
        return all(find_spec(name) is not None for name in NEEDED)
    except ModuleNotFoundError:  # of the package around it
        return False
