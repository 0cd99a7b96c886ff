"""The front end's settings: every row is a flag and an environment variable."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from broker.common.hosts import host_complaint
from broker.credentials.policies import parse_policies
from broker.settings import flag_name, setting
from server.fleet.aliases import parse_aliases
from server.fleet.defaults import parse_defaults
from server.http.bytes_in_hand import most_large
from server.http.layers.cors import parse_origins
from server.webhooks.addresses import networks_in

MOST_PIXELS = 178_956_970  # Pillow reads no larger picture
LOG_LEVELS = ("debug", "info", "warning", "error", "critical")
DURABILITY = ("relaxed", "strict")
HISTORY_INPUTS = ("never", "hash", "full")
CACHE_SCOPES = ("key", "all")
# Names of `server/dialects/families.py`.
DIALECTS = ("native", "openai", "huggingface", "tei", "rerank", "libretranslate", "deepl", "oip")
PORTS = ("port", "metrics_port")
BODIES = ("max_body_bytes", "max_image_body_bytes", "max_cluster_bytes")
ABOVE_ZERO = (
    *BODIES,
    "max_pixels",
    "max_bytes_in_hand",
    "max_records",
    "max_cluster_records",
    "default_timeout",
    "max_timeout",
    "max_queue_jobs",
    "max_queue_tokens",
    "max_queue_bytes",
    "predictions_bytes",
    "prediction_ttl",
    "max_prediction_time",
    "max_file_bytes",
    "files_ttl",
    "cache_ttl",
)
NOT_BELOW_ZERO = ("drain_seconds", "gzip_from", "cache_bytes")


def _history_database(place: str) -> None:
    """Raises `ValueError` for what names none."""
    if place:
        from history.databases.errors import DatabaseUnfit
        from history.databases.place import open_database

        try:
            open_database(place)
        except DatabaseUnfit as error:
            raise ValueError(str(error)) from None


PARSED: Mapping[str, Callable[[str], Any]] = {  # settings that are lists, by what reads them
    "default_models": parse_defaults,
    "alias": parse_aliases,
    "cors": parse_origins,
    "webhook_allow": networks_in,
    "anonymous": parse_policies,
    "trusted_proxies": networks_in,
    "history_database": _history_database,
}
LONGEST_TTL = 86_400.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """How one front-end process listens, and what it takes in."""

    host: str = setting("127.0.0.1", "address to listen on; 0.0.0.0 for every interface")
    port: int = setting(9527, "port to listen on")
    reuse_port: bool = setting(False, "share the port with other front ends of this machine (SO_REUSEPORT)")
    metrics_port: int = setting(9528, "port of /metrics, one per process; 0 switches it off")
    max_body_bytes: int = setting(1 << 20, "largest request body, bytes; larger is 413")
    max_image_body_bytes: int = setting(
        8 << 20, "largest body of a request with pictures, bytes; larger is 413. In base64 a picture is a third larger"
    )
    max_pixels: int = setting(
        25_000_000, "most pixels of a picture, width × height; more is refused by its header, before it is decoded"
    )
    max_bytes_in_hand: int = setting(
        64 << 20, "bytes of requests that one process holds at once, those still arriving too; beyond it 503"
    )
    max_records: int = setting(256, "most records in one request; more is 413")
    max_cluster_records: int = setting(10_000, "most records in one request for clusters; more is 413")
    max_cluster_bytes: int = setting(4 << 20, "largest body of a request for clusters, bytes; larger is 413")
    default_timeout: float = setting(60.0, "seconds a request may take when it does not say (X-Request-Timeout)")
    max_timeout: float = setting(600.0, "longest X-Request-Timeout a client may ask for, seconds")
    max_queue_jobs: int = setting(10_000, "jobs that may wait in one lane of one model; beyond it 429")
    max_queue_tokens: int = setting(5_000_000, "tokens that may wait in one lane of one model; beyond it 429")
    max_queue_bytes: int = setting(256 << 20, "bytes of jobs that may wait in one lane of one model; beyond it 429")
    predictions_bytes: int = setting(
        256 << 20, "bytes of predictions, bodies and results together, that are kept at the broker; beyond it 429"
    )
    prediction_ttl: float = setting(
        3600.0, "seconds that a prediction's result is kept, and that it may take when it does not say; 86,400 at most"
    )
    max_prediction_time: float = setting(86_400.0, "longest X-Request-Timeout of a prediction, seconds")
    prediction_durability: str = setting(
        "relaxed",
        "what a 202 promises: relaxed: the broker has the prediction; strict: it is on the broker's disk (WAITAOF)",
        choices=DURABILITY,
    )
    webhooks: bool = setting(
        False,
        "tell whoever asks by Jitney-Webhook when a prediction has ended, signed with JITNEY_WEBHOOK_SECRET (httpx2)",
    )
    webhook_allow: str = setting(
        "", "networks of your own that webhooks may be sent to as well, by http too: 10.0.0.0/8 fd00::/8"
    )
    history: bool = setting(
        False, "bring what became of each record to the broker, for `jitney history run` to write into a database"
    )
    history_inputs: str = setting(
        "never",
        "what the history has of inputs: never: nothing, and no output that is text; hash: a hash of each, keyed by "
        "JITNEY_HASH_SECRET; full: their first 8 KiB, and outputs with their texts",
        choices=HISTORY_INPUTS,
    )
    files: str = setting(
        "",
        "where files of /v1/files and /v1/batches lie: a directory, or s3://bucket/prefix; empty: there are none",
    )
    max_file_bytes: int = setting(200 << 20, "largest file that is taken, bytes; larger is 413")
    files_ttl: float = setting(
        2_592_000.0, "longest time that a file is kept, and how long when it does not say, seconds"
    )
    drain_seconds: float = setting(5.0, "seconds between SIGTERM and closing the port: unready, but still answering")
    default_models: str = setting(
        "", "which model answers for a task when a request names none: task=name, …; else the one that was there first"
    )
    dialects: str = setting(
        ",".join(DIALECTS), "the APIs that are spoken, native being our own; others' addresses are then not there"
    )
    alias: str = setting(
        "", "further names of models, as clients send them: text-embedding-ada-002=minilm BAAI/bge-m3=bge …"
    )
    cors: str = setting("", "origins whose pages may call this from a browser: https://host …, or * for all")
    gzip_from: int = setting(
        0, "answers of so many bytes or more are compressed for clients that take gzip; 0: none, networks being fast"
    )
    api_keys: str = setting(
        "off",
        "who may call: off: everybody; on: whoever has a key that the broker keeps (jitney keys add NAME); "
        "a file: of `jitney keys add --file`",
    )
    anonymous: str = setting(
        "",
        "with --api-keys: callers without a key are let in too, each address within these limits: "
        "60 requests/min, 2 at once; empty: they are not",
    )
    trusted_proxies: str = setting(
        "", "networks of your proxies, whose X-Forwarded-For says who asks; for --anonymous: 10.0.0.0/8 fd00::/8"
    )
    cache_bytes: int = setting(
        0, "bytes of answers that each front end keeps in memory, for records that come again; 0: no cache"
    )
    cache_url: str = setting(
        "",
        "a Redis or Valkey other than the broker where front ends share the answers they keep: redis://, rediss:// or "
        "unix://; it needs --cache-bytes, and JITNEY_HASH_SECRET",
    )
    cache_ttl: float = setting(86_400.0, "longest time that an answer is kept, seconds")
    cache_scope: str = setting(
        "key",
        "whom an answer is kept for: key: the API key that asked; all: every caller, who by the time it takes learns "
        "what others have asked",
        choices=CACHE_SCOPES,
    )
    history_database: str = setting(
        "",
        "where GET /history reads what the history's writer keeps: postgresql://…, sqlite:///PATH or a path; empty: "
        "nowhere. A password belongs in the variable: others can read flags",
    )
    strict: bool = setting(False, "refuse requests with unknown fields (422) rather than warn in the reply")
    server_timing: bool = setting(True, "tell clients where the time went (Server-Timing)")
    log_level: str = setting("info", "least severe line to log", choices=LOG_LEVELS)

    def complaints(self) -> list[str]:
        """What is wrong with these values, one sentence each; none when they are fine."""
        found = [f"{flag_name(name)} is a port, 0 to 65535" for name in PORTS if not 0 <= getattr(self, name) <= 65535]
        found += [f"{flag_name(name)} must be above 0" for name in ABOVE_ZERO if not getattr(self, name) > 0]
        found += [f"--host {complaint}" for complaint in [host_complaint(self.host)] if complaint]
        for name in BODIES:
            if getattr(self, name) > most_large(self.max_bytes_in_hand):
                found.append(f"--max-bytes-in-hand must be larger than {flag_name(name)} by a seventh or more")
        found += [
            f"--dialects: there is no {name!r}, but {', '.join(DIALECTS)}"
            for name in self.dialects.replace(",", " ").split()
            if name not in DIALECTS
        ]
        if self.max_pixels > MOST_PIXELS:
            found.append(f"--max-pixels must not be above {MOST_PIXELS}")
        if self.prediction_ttl > LONGEST_TTL:
            found.append(f"--prediction-ttl must not be above {LONGEST_TTL:g}")
        found += [f"{flag_name(name)} must not be below 0" for name in NOT_BELOW_ZERO if getattr(self, name) < 0]
        if self.anonymous and self.api_keys == "off":
            found.append("--anonymous is for callers without a key: it needs --api-keys")
        if self.cache_url and not self.cache_bytes:
            found.append("--cache-url needs --cache-bytes above 0, the memory in front of it: 67108864 are 64 MiB")
        if self.history_inputs != "never" and not self.history:
            found.append("--history-inputs is of the history: it needs --history on")
        if self.default_timeout > self.max_timeout:
            found.append("--default-timeout is above --max-timeout")
        for name, parse in PARSED.items():
            try:
                parse(getattr(self, name))
            except ValueError as error:
                found.append(f"{flag_name(name)}: {error}")
        return found
