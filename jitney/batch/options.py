"""What `jitney batch` is asked for, and how `--set` is read. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jitney.batch.contract import USAGE, Stopped

STREAM = "-"
FORMATS = ("jsonl", "csv")
OPENAI = "openai"  # JSONL whose lines say themselves what is sent and where to
LANES = ("bulk", "interactive")
NOT_BY_ROWS = ("/clustering", "/cluster", "/rerank")  # an answer there is about all records of a request
RESERVED = ("records",)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOptions:
    """A row each; durations in seconds."""

    source: str
    target: str
    endpoint: str
    url: str
    settings: Mapping[str, Any]
    lane: str
    window: int  # rows in hand at once
    rows_per_request: int
    timeout: float  # of a request
    patience: float  # how long a server that refuses or is away is waited for
    format: str
    column: str
    id_column: str
    delimiter: str
    excel_safe: bool
    bom: bool
    retry_failed: bool
    overwrite: bool

    @property
    def field(self) -> str:
        """What a record calls its input."""
        return "image" if self.endpoint == "/image-classification" else "text"

    def answering(self) -> Mapping[str, Any]:
        """Those on which OUT depends, by the names that they have on the command line."""
        return {
            "--endpoint": self.endpoint,
            **{f"--set {name}": value for name, value in self.settings.items()},
            "--format": self.format,
            "--column": self.column,
            "--id-column": self.id_column,
            "--delimiter": self.delimiter,
            "--excel-safe": self.excel_safe,
            "--bom": self.bom,
            "--retry-failed": self.retry_failed,
        }

    def complaint(self) -> str:
        """What is wrong with them, in a sentence, or nothing."""
        return self._about_endpoint() or self._about_url() or self._about_files()

    def _about_endpoint(self) -> str:
        if self.format == OPENAI:
            return self._about_lines()
        if not self.endpoint.startswith("/") or "?" in self.endpoint:
            return f"--endpoint is an address such as /translation, not {self.endpoint!r}"
        if self.endpoint in NOT_BY_ROWS:
            return f"{self.endpoint} answers for all records of a request together: it cannot be done by rows"
        return ""

    def _about_lines(self) -> str:
        """Without an endpoint."""
        for name, is_given in {"--set": self.settings, "--column": self.column, "--id-column": self.id_column}.items():
            if is_given:
                return f"{name} goes with --endpoint; without it IN has lines of OpenAI's, which say all that is sent"
        return ""

    def _about_url(self) -> str:
        if not self.url.startswith(("http://", "https://")):
            return f"--url begins with http:// or https://, unlike {self.url!r}"
        if len(self.delimiter) != 1 or self.delimiter in '"\r\n':
            return "--delimiter is one character, such as ; or tab"
        return ""

    def _about_files(self) -> str:
        streams = STREAM in (self.source, self.target)
        if self.retry_failed and streams:
            return "--retry-failed needs files for IN and OUT: it reads both again"
        if not streams and Path(self.source).resolve() == Path(self.target).resolve():
            return "IN and OUT are the same file"
        return ""


def format_of(source: str, target: str, named: str) -> str:
    """The format of both, by `--format` or by the names of the files. Raises `Stopped`."""
    if named:
        return named
    ends = [Path(path).suffix.removeprefix(".").lower() for path in (source, target)]
    found = {end for end in ends if end in FORMATS}
    if len(found) > 1:
        raise Stopped(USAGE, "OUT has the format of IN: give both the same ending, or say --format")
    if not found:
        raise Stopped(USAGE, "neither IN nor OUT ends with .jsonl or .csv: say --format jsonl or --format csv")
    return found.pop()


def format_without_endpoint(found: str) -> str:
    """Raises `Stopped`."""
    if found != "jsonl":
        raise Stopped(USAGE, "--endpoint is missing; only lines of OpenAI's in JSONL do without")
    return OPENAI


def usual_column(endpoint: str) -> str:
    """What is sent where nobody says."""
    if not endpoint:
        return ""
    return "image" if endpoint == "/image-classification" else "text"


def parse_settings(pairs: Sequence[str]) -> Mapping[str, Any]:
    """`toLang=fr topK=2` → `{"toLang": "fr", "topK": 2}`: what reads as JSON is that, all else a string. Raises
    `Stopped`."""
    found: dict[str, Any] = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not name:
            raise Stopped(USAGE, f"--set takes name=value, not {pair!r}")
        if name in RESERVED or name in found:
            raise Stopped(USAGE, f"--set {name} " + ("comes twice" if name in found else "is what IN is for"))
        found[name] = _value(value)
    return found


def _value(value: str) -> Any:
    try:
        return json.loads(value, parse_constant=_no_constant)
    except ValueError:
        return value


def _no_constant(name: str) -> Any:
    raise ValueError(name)  # NaN and Infinity are not JSON, and may be what somebody means
