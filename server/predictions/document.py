"""A prediction as clients see it: its document, and the headers that go with it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from broker.predictions.contract import Prediction
from server.api.schema.predictions import Links, PredictionDocument
from server.errors import whole_seconds
from server.fleet.directory import Served
from server.predictions.stored import request_from

PATH = "/predictions"


def address(id: str) -> str:
    return f"{PATH}/{id}"


def document(prediction: Prediction) -> bytes:
    """As JSON."""
    stored, here = request_from(prediction.request), address(prediction.id)
    return msgspec.json.encode(
        PredictionDocument(
            id=prediction.id,
            status=prediction.state,
            model=stored.model,
            task=stored.task,
            lane=stored.lane,
            records=prediction.records,
            done=prediction.done,
            failed=prediction.failed,
            created_at=_spoken(prediction.created),
            started_at=None if prediction.started is None else _spoken(prediction.started),
            finished_at=None if prediction.finished is None else _spoken(prediction.finished),
            deadline_at=_spoken(prediction.deadline),
            expires_at=_spoken(prediction.expires),
            links=Links(self=here, result=f"{here}/result", events=f"{here}/events"),
        )
    )


def entity_tag(prediction: Prediction) -> str:
    """Weak: it says how far the prediction is."""
    return f'W/"{prediction.state}-{prediction.done}-{prediction.failed}"'


def is_known(tag: str, if_none_match: str | None) -> bool:
    """Whether the client has what this tag names."""
    sent = [one.strip().removeprefix("W/") for one in (if_none_match or "").split(",")]
    return tag.removeprefix("W/") in sent or "*" in sent


def come_back(prediction: Prediction, served: Mapping[str, Served]) -> dict[str, str]:
    """When to ask again, by the measured speed of its model; nothing for one that has ended. Of a large one those
    records that have not ended tell it better than the time that is over: others may share its lane."""
    if not prediction.state.is_open:
        return {}
    model = served.get(request_from(prediction.request).model)
    ended = prediction.done + prediction.failed
    expected = model.capacity.expected(prediction.records - ended) if model is not None else 0.0
    waited = 0.0 if ended else prediction.now - prediction.created
    return {"retry-after": str(whole_seconds(expected - waited))}


def _spoken(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
