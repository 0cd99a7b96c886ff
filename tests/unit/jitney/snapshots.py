"""Overviews to look at, as small as they can be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from broker.admin.callers import pressing
from broker.admin.overview import (
    BatcherOverview,
    CallersOverview,
    LaneOverview,
    LeaseOverview,
    ModelOverview,
    Overview,
)
from broker.credentials.credential import Credential
from broker.facts import Facts
from broker.messages import Lane, ModelCard, Presence, Speed
from jitney.admin.snapshot import Snapshot

FIT = {"kind": "valkey", "version": "9.1.2", "role": "master", "policy": "noeviction"}


def facts(**more: Any) -> Facts:
    return Facts(**({**FIT, "memory": 1 << 20, "max_memory": 1 << 30, "is_durable": True} | more))


def model(key: str = "toy@r1", *, jobs: int = 0, bulk: int = 0, batchers: int = 1, **more: Any) -> ModelOverview:
    lanes = [
        LaneOverview(lane=Lane.INTERACTIVE, jobs=jobs, tokens=10 * jobs, bytes=100 * jobs, oldest_age=1.5),
        LaneOverview(lane=Lane.BULK, jobs=bulk, tokens=10 * bulk, bytes=100 * bulk, oldest_age=300.0),
    ]
    name, _, revision = key.partition("@")
    card = ModelCard(name=name, task="translation", codec="text", revision=revision)
    fields = {"suspects": 0, "dead": 0, "leases": LeaseOverview(), "card": card} | more
    return ModelOverview(key=key, lanes=lanes, batchers=batchers, **fields)


def batcher(name: str = "host-7-ab", *, model: str = "toy@r1", beat_age: float = 0.2) -> BatcherOverview:
    speed = Speed(fixed=0.012, per_job=0.0005)
    presence = Presence(batcher=name, model=model, speed=speed, room=64, host="host", protocol=2, software="1.2.3")
    return BatcherOverview(presence=presence, beat_age=beat_age, is_live=abs(beat_age) < 5.0)


def credential(id: str = "a" * 12, **more: Any) -> Credential:
    return Credential(id=id, hash="5" * 64, **more)


def callers(
    *keys: Credential,
    refused: Mapping[str, Mapping[str, int]] | None = None,
    left: Mapping[str, int] | None = None,
    **more: Any,
) -> CallersOverview:
    """These keys; `left`: by policy, else all."""
    fields: dict[str, Any] = {"keys": len(keys), "version": "1" if keys else "", "refused": refused or {}} | more
    seen = CallersOverview(credentials={one.id: one for one in keys}, **fields)
    told = left or {}
    shown = [
        replace(
            one,
            limits=[
                replace(each, left=told.get(each.name, each.policy.quota)) if each.policy else each
                for each in one.limits
            ],
        )
        for one in pressing(seen, [])
    ]
    return replace(seen, shown=shown)


def overview(*models: ModelOverview, **more: Any) -> Overview:
    return Overview(**({"now": 1000.0, "epoch": "e1", "models": models} | more))


def snapshot(*models: ModelOverview, facts: Facts = facts(), **more: Any) -> Snapshot:  # noqa: B008
    return Snapshot(address="redis://h:1/0", namespace="default", facts=facts, overview=overview(*models, **more))
