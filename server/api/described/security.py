"""How the document says which addresses ask for a key, and where it goes. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from broker.messages import FailureCode
from server.api.operation import Operation
from server.callers.identification import OPEN
from server.settings import ServerSettings

SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "a key: jit_…"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "the same key"},
}
READS = {"get", "head"}
CODES = ("unauthenticated", "not_allowed", FailureCode.BROKER_UNAVAILABLE)


def asks_for_keys(settings: ServerSettings) -> bool:
    return settings.api_keys != "off"


def refusing(one: Operation) -> Operation:
    """With what whoever has no key is told."""
    return (
        one
        if _is_open(one.path, one.method)
        else replace(one, problems=sorted({*one.problems, *map(one.status_of, CODES)}))
    )


def _is_open(path: str, method: str) -> bool:
    return path in OPEN and method in READS


def secured(paths: dict[str, Any], settings: ServerSettings) -> dict[str, Any]:
    """What stands beside the paths; those that ask nobody say so themselves."""
    for path in OPEN & paths.keys():
        for method in paths[path].keys() & READS:
            paths[path][method]["security"] = []
    without: list[dict[str, list[str]]] = [{}] if settings.anonymous else []  # strangers are let in too
    return {"security": [*({name: []} for name in SCHEMES), *without]}
