"""Our own way to ask which texts mean alike: the envelope's records in, clusters of their ids out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from broker.common.tasks import EMBEDDING
from server.api.bodies import BodyReader
from server.api.incoming import Incoming
from server.api.schema.clustering import ClusteringPayload, ClusteringRequest
from server.api.schema.envelope import Id
from server.clustering.contract import Group, Grouping, default_threshold
from server.dialects.contract import Call, Dialect, Row
from server.dialects.native import Native, row
from server.errors import Problem
from server.json import to_json

READER: BodyReader[Any] = BodyReader(ClusteringRequest)


class OfEnvelope(Native):
    """`POST /clustering`. A record without a vector is in no cluster: its error stands beside them, or in its row."""

    def read(self, incoming: Incoming) -> Call:
        asked, warnings = READER.read(incoming.body)
        payload: ClusteringPayload = asked.payload
        served = incoming.model_of(EMBEDDING.name, payload.model)
        threshold = default_threshold(served.card) if payload.threshold is None else payload.threshold
        memo = Grouping(threshold=threshold, asked=payload)
        return Call(self, served, payload.inputs(), payload.options(), warnings, memo=memo)

    def write(self, call: Call, answers: Sequence[Row | Problem]) -> bytes:
        payload: ClusteringPayload = call.memo.asked
        ids = payload.ids()
        failed = {number: answer for number, answer in enumerate(answers) if isinstance(answer, Problem)}
        groups = [group for group in call.memo.groups if len(group.members) >= payload.min_size]
        reply: Row
        if payload.assign:
            reply = {"result": _records(groups, ids, failed)}
        else:
            reply = {"result": [_cluster(number, group, ids) for number, group in enumerate(groups)]}
            reply |= {"errors": [row(ids[number], problem) for number, problem in failed.items()]} if failed else {}
        return to_json(reply | {"warnings": call.warnings} if call.warnings else reply)


def _cluster(number: int, group: Group, ids: Sequence[Id]) -> Row:
    members = [ids[member] for member in group.members]
    return {
        "cluster": number,
        "size": len(members),
        "centre": members[0],
        "records": members,
        "cohesion": group.cohesion,
    }


def _records(groups: Sequence[Group], ids: Sequence[Id], failed: Mapping[int, Problem]) -> list[Row]:
    """A row for each, in the order of the request."""
    found: dict[int, Row | Problem] = {**failed}
    for number, group in enumerate(groups):
        for member, similarity in zip(group.members, group.similarities, strict=True):
            found[member] = {"cluster": number, "similarity": similarity}
    return [row(record_id, found.get(at, {"cluster": None})) for at, record_id in enumerate(ids)]


ROUTES: Mapping[str, Dialect] = {"/clustering": OfEnvelope()}
