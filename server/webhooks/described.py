"""What a receiver gets and may answer, as the section `webhooks` of the OpenAPI document says it. Pure."""

from __future__ import annotations

from typing import Any

from server.api.schema.predictions import PredictionEvent

Json = dict[str, Any]
EVENT = f"#/components/schemas/{PredictionEvent.__name__}"
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
    parameters = [
        {"name": name, "in": "header", "required": True, "description": said, "schema": {"type": "string"}}
        for name, said in HEADERS.items()
    ]
    told = {
        "operationId": "prediction_ended",
        "summary": "Sent to the address that a request named by Jitney-Webhook, when its prediction has ended",
        "parameters": parameters,
        "requestBody": {"required": True, "content": {"application/json": {"schema": {"$ref": EVENT}}}},
        "responses": {status: {"description": said} for status, said in ANSWERS.items()},
    }
    return {"prediction_ended": {"post": told}}
