"""Whether a server is one for the cache: another than the broker's, that throws away what is old. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit

from broker.facts import Facts

PORT = 6379
OWN_SERVER = (
    "--cache-url names the broker's own server. Memory and eviction are a server's, whatever the number of its "
    "database, so the cache would take the room of waiting jobs. Start a second one: valkey-server --port 6380 "
    '--maxmemory 256mb --maxmemory-policy allkeys-lfu --save ""'
)
REMEDY = "CONFIG SET maxmemory 256mb, CONFIG SET maxmemory-policy allkeys-lfu, and the same in its configuration file"


def is_same_place(url: str, other: str) -> bool:
    """Whether two URLs name one server, as far as can be told from them: names of one host may differ."""
    return _place(url) == _place(other)


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return parts.path, 0
    return parts.hostname or "localhost", parts.port or PORT


def misfit(seen: Facts, run_id: str, broker_run_id: str) -> str:
    """Why it can never be the cache's; empty: it can."""
    if run_id and run_id == broker_run_id:
        return OWN_SERVER
    return "--cache-url names a Sentinel, which holds no data: name a server" if seen.mode == "sentinel" else ""


def weakness(seen: Facts) -> str:
    """What will go wrong with it sooner or later; empty: nothing."""
    if seen.policy == "noeviction" and seen.max_memory:
        return "it keeps what is old and takes nothing new once it is full (maxmemory-policy noeviction)"
    return "" if seen.max_memory else "it grows until its machine is out of memory (maxmemory 0)"
