"""What a receiver is told: the id and the body of a webhook, the same in every try. Pure."""

from __future__ import annotations

import msgspec

from broker.predictions.contract import Prediction
from server.api.schema.predictions import BatchEvent, Ended, PredictionDocument, PredictionEvent
from server.predictions.document import document


def of_prediction(prediction: Prediction) -> tuple[str, bytes]:
    told = msgspec.json.decode(document(prediction), type=PredictionDocument)
    when = told.finished_at or told.created_at
    event = PredictionEvent(type=f"prediction.{told.status}", timestamp=when, data=told)
    return f"{prediction.id}-{prediction.state}", msgspec.json.encode(event)


def of_batch(id: str, status: str, at: float) -> bytes:
    """As OpenAI's clients take it; its id is that of the webhook."""
    event = BatchEvent(id=event_id(id), created_at=int(at), type=f"batch.{status}", data=Ended(id=id))
    return msgspec.json.encode(event)


def event_id(batch: str) -> str:
    return f"evt_{batch}"
