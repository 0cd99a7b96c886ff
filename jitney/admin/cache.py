"""What `jitney doctor` and `jitney status` find of the server where front ends share answers."""

from __future__ import annotations

from contextlib import closing

import redis
from redis.exceptions import NoPermissionError

from broker.admin.redis import RedisAdmin, connect_admin
from broker.cache.server import (
    NAME,
    OWN_SERVER,
    REMEDY,
    is_same_place,
    misfit,
    of_its_variable,
    prefix,
    rules,
    weakness,
)
from broker.common.diagnosis import diagnose
from broker.errors import BrokerError, BrokerFull
from broker.facts import Facts, Misfit
from broker.keys import Keys
from broker.redis.connection import make_sync_client, translated
from jitney.admin.findings import Finding, Mark
from jitney.admin.tables import size

PROBE = b"doctor"  # no hash is so short
KEPT = 1000  # ms, should we die meanwhile
ANSWER = 2.0  # seconds
REPLICA = Misfit(said="it is a read-only replica: front ends can put nothing there", remedy="name its primary")


def of_cache(url: str, broker_url: str, namespace: str, *, tries: bool = True) -> Finding:
    """Whether front ends of this broker can share answers there. `tries`: as they do, else nothing is written."""
    try:
        with closing(make_sync_client(url, name=NAME, socket_timeout=ANSWER)) as client:
            if is_same_place(url, broker_url):
                return _failed(OWN_SERVER)
            seen = RedisAdmin(client, Keys(namespace)).facts()
            if found := misfit(seen, _broker(broker_url, namespace)) or (REPLICA if seen.role == "slave" else None):
                return _failed(found)
            if tries:
                _try(client, prefix(namespace) + PROBE)
            return _fitness(seen)
    except BrokerError as error:
        return _failed(_why(error, url, namespace))


def _broker(url: str, namespace: str) -> Facts:
    """Nothing where it cannot be asked, which is told elsewhere."""
    try:
        with closing(connect_admin(url, namespace)) as broker:
            return broker.facts()
    except BrokerError:
        return Facts()


def _fitness(seen: Facts) -> Finding:
    if not seen.kind:
        said = "INFO is denied: whether it evicts, and is the broker's own, stays unchecked"
        return Finding(about="cache", mark=Mark.WARN, said=said, remedy="grant +info")
    if said := weakness(seen):
        return Finding(about="cache", mark=Mark.WARN, said=said, remedy=REMEDY)
    said = f"{seen.kind} {seen.version}, {size(seen.memory)} of {size(seen.max_memory)} in use, {seen.policy}"
    return Finding(about="cache", mark=Mark.OK, said=said)


def _try(client: redis.Redis, name: bytes) -> None:
    """Keep something, look for it, and let it go."""
    with translated():
        client.set(name, b"", px=KEPT)
        client.getrange(name, 0, 0)
        client.set(name, b"", px=1)  # front ends' users need no right to delete


def _why(error: BrokerError, url: str, namespace: str) -> Misfit:
    why = diagnose(error, url)
    remedy = of_its_variable(why.remedy).replace("the broker", "the server")
    if isinstance(error, BrokerFull):
        remedy = REMEDY
    elif isinstance(error.__cause__, NoPermissionError):
        remedy = f"give its user {rules(namespace)}"
    return Misfit(said=f"{why.tried}: {why.cause}", remedy=remedy)


def _failed(why: Misfit) -> Finding:
    return Finding(about="cache", mark=Mark.FAIL, said=why.said, remedy=why.remedy)
