"""What a receiver gets and may answer, as the section `webhooks` of the OpenAPI document says it. Pure."""

from __future__ import annotations

from typing import Any

from server.api.schema.predictions import BatchEvent, PredictionEvent

Json = dict[str, Any]
EVENTS = (PredictionEvent, BatchEvent)
HEADERS = {
    "webhook-id": "the same in every try: a receiver that must not act twice remembers it",
    "webhook-timestamp": "of this try, in seconds since 1970: a receiver refuses old ones",
    "webhook-signature": "v1, a comma, and in base64 the HMAC-SHA256 of id, timestamp and body with points between; "
    "one for each secret, with spaces between",
}
ANSWERS = {
    "2XX": "It is delivered",
    "410": "It wants no more of this one: never again",
    "default": "It is sent again, as docs/webhooks.md says; Retry-After of 429, 502, 503 and 504 is obeyed",
}


def webhooks() -> Json:
    """Of a front end that sends them."""
    return {"prediction_ended": _sent("prediction", PredictionEvent), "batch_ended": _sent("batch", BatchEvent)}


def _sent(what: str, event: type[Any]) -> Json:
    schema = {"$ref": f"#/components/schemas/{event.__name__}"}
    parameters = [
        {"name": name, "in": "header", "required": True, "description": said, "schema": {"type": "string"}}
        for name, said in HEADERS.items()
    ]
    told = {
        "operationId": f"{what}_ended",
        "summary": f"Sent to the address that a request named by Jitney-Webhook, when its {what} has ended",
        "parameters": parameters,
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {status: {"description": said} for status, said in ANSWERS.items()},
    }
    return {"post": told}
