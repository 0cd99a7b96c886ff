"""What the cache's server must be: another than the broker's, that throws away what is old. Pure."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import urlsplit

from broker.facts import Facts, Misfit

NAME = "jitney-cache"  # of its clients
PORT = 6379
OWN_SERVER = Misfit(
    said="--cache-url names the broker's own server. Memory and eviction are a server's, whatever the number of its "
    "database, so the cache would take the room of waiting jobs",
    remedy='start a second one: valkey-server --port 6380 --maxmemory 256mb --maxmemory-policy allkeys-lfu --save ""',
)
SENTINEL = Misfit(said="--cache-url names a Sentinel, which holds no data", remedy="name a server")
REMEDY = "CONFIG SET maxmemory 256mb, CONFIG SET maxmemory-policy allkeys-lfu, and the same in its configuration file"


def prefix(namespace: str) -> bytes:
    """Of the names of answers there: one slot of a cluster."""
    return f"jitney-cache:{{{namespace}}}:".encode()


def rules(namespace: str) -> str:
    """What the user needs as whom front ends come."""
    return f"~{prefix(namespace).decode()}* +getrange +set +info +client|setname"


def of_its_variable(said: str) -> str:
    """What was said of the broker's URL, said of its."""
    return said.replace("JITNEY_REDIS_URL", "JITNEY_CACHE_URL")


def is_same_place(url: str, other: str) -> bool:
    """Whether two URLs name one server, as far as can be told from them: names of one host may differ."""
    with suppress(ValueError):  # whoever connects there is told of a URL that is none
        return _place(url) == _place(other)
    return False


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return parts.path, 0
    return parts.hostname or "localhost", parts.port or PORT


def misfit(seen: Facts, broker: Facts) -> Misfit | None:
    """Why it can never be the cache's."""
    if seen.run_id and seen.run_id == broker.run_id:
        return OWN_SERVER
    return SENTINEL if seen.mode == "sentinel" else None


def weakness(seen: Facts) -> str:
    """What will go wrong with it sooner or later; empty: nothing."""
    if seen.policy == "noeviction" and seen.max_memory:
        return "it keeps what is old and takes nothing new once it is full (maxmemory-policy noeviction)"
    return "" if seen.max_memory else "it grows until its machine is out of memory (maxmemory 0)"
