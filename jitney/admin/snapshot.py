"""One look at a broker: what was seen, or why nothing could be."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from broker.admin.overview import Overview
from broker.admin.redis import RedisAdmin, connect_admin
from broker.common.diagnosis import Diagnosis, diagnose
from broker.common.masking import shown
from broker.errors import BrokerError
from broker.facts import Facts
from broker.settings import BrokerSettings
from jitney.admin.cache import of_cache
from jitney.admin.findings import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What was seen."""

    address: str  # without its password
    namespace: str
    facts: Facts
    overview: Overview
    cache: Finding | None = None  # of the server where front ends share answers; None: nobody named it


class NotSeen(Exception):
    """The broker could not be asked; `why` says what was tried, the likely cause and what helps."""

    def __init__(self, why: Diagnosis) -> None:
        super().__init__(str(why))
        self.why = why


@contextlib.contextmanager
def admin(url: str, namespace: str) -> Iterator[RedisAdmin]:
    """A connection for the length of the block. Raises `NotSeen` for whatever goes wrong with it."""
    with explained(url), contextlib.closing(connect_admin(url, namespace)) as made:
        yield made


@contextlib.contextmanager
def explained(url: str) -> Iterator[None]:
    """The broker's errors as `NotSeen`."""
    try:
        yield
    except BrokerError as error:
        raise NotSeen(_for_operators(diagnose(error, url), url)) from None


def _for_operators(why: Diagnosis, url: str) -> Diagnosis:
    """Whoever asks is an operator, and may have forgotten to say which broker."""
    remedy = why.remedy.replace("--role …", "--role operator")
    if url == BrokerSettings().redis_url and "start the broker" in remedy:
        remedy += "; what `jitney up` shows when it is ready says how to ask its private one"
    return replace(why, remedy=remedy)


def snapshot(broker: RedisAdmin, url: str, namespace: str, cache_url: str = "") -> Snapshot:
    """One look. Raises `NotSeen`."""
    with explained(url):
        facts = broker.facts()
        if facts.mode == "sentinel" and facts.misfit:
            raise NotSeen(Diagnosis(tried=shown(url), cause=facts.misfit.said, remedy=facts.misfit.remedy))
        broker.holds_namespace(facts)
        overview = broker.overview()
    cache = of_cache(cache_url, url, namespace, tries=False) if cache_url else None
    return Snapshot(address=shown(url), namespace=namespace, facts=facts, overview=overview, cache=cache)
