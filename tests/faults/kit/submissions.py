"""Predictions as a test submits and fetches them; the synthetic model answers a text reversed."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tests.faults.kit.oracle import KEYS
from tests.faults.kit.traffic import PATH
from tests.integration.processes import FrontEnd, Reply, request
from tests.integration.stack import Stack

ASYNC = {"Prefer": "respond-async"}
PATIENCE = 30.0  # seconds


def submitted(front_end: FrontEnd, texts: Sequence[str]) -> dict[str, str]:
    """The address of the prediction of each text."""
    found = {}
    for text in texts:
        asked = ASYNC | {"X-Request-ID": id_of(text)}
        reply = front_end.post(PATH, {"payload": {"records": [{"id": text, "text": text}]}}, asked)
        assert reply.status == 202, reply.body
        found[text] = reply.headers["location"]
    return found


def id_of(text: str) -> str:
    """Of the request that asks for its prediction."""
    return text.replace(" ", "-")


def ids_in_log(event: str, *front_ends: FrontEnd) -> set[str]:
    """Whose the lines of an event are, as far as they say so."""
    lines = [json.loads(line) for one in front_ends for line in one.stderr().splitlines() if f'"{event}"' in line]
    return {line["request_id"] for line in lines if "request_id" in line}


def fetched(front_end: FrontEnd, address: str) -> Reply:
    return front_end.get(f"{address}/result?wait={PATIENCE:g}", timeout=PATIENCE + 10.0)


def check_results(front_end: FrontEnd, addresses: dict[str, str]) -> None:
    """Each text has its own right result."""
    for text, address in addresses.items():
        reply = fetched(front_end, address)
        assert reply.status == 200, f"{text!r} ended in {reply.status}: {reply.body!r}"
        assert reply.json() == {"result": [{"id": text, "text": text[::-1]}]}


def check_one_result_each(system: Stack, addresses: dict[str, str]) -> None:
    """Whoever ran it twice, one result is kept, and no body."""
    for address in addresses.values():
        id = address.rpartition("/")[2]
        assert len(system.redis.keys(KEYS.prediction_result(id, "*"))) == 1  # type: ignore[arg-type]
        assert system.redis.keys(KEYS.prediction_body(id)) == []


def check_all_forgotten(system: Stack, front_end: FrontEnd, addresses: dict[str, str]) -> None:
    """DELETE frees all that they held."""
    for address in addresses.values():
        assert request("DELETE", front_end.port, address).status == 204
    for key in (KEYS.predictions_due, KEYS.predictions_room, KEYS.predictions_bytes):
        assert system.redis.exists(key) == 0, key


def adopted(front_end: FrontEnd) -> int:
    rows = [line for line in front_end.metrics().splitlines() if line.startswith("jitney_predictions_adopted_total ")]
    return int(float(rows[0].rsplit(" ", 1)[1]))
