"""How the Open Inference Protocol refuses: 4xx for what would only happen again, and the reason in `error`."""

from __future__ import annotations

from broker.messages import FailureCode
from server.api.operation import problems_of_inferences
from server.dialects.flavour import Flavour

FLAVOUR = Flavour(
    statuses={
        FailureCode.INVALID_INPUT: 400,
        FailureCode.TOO_LARGE: 400,
        "unknown_language": 400,
        FailureCode.MODEL_ERROR: 422,
        FailureCode.POISON: 422,
    }
)
PROBLEMS = problems_of_inferences(FLAVOUR.status_of)
