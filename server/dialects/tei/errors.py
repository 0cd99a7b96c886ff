"""How TEI refuses: its words and statuses, which those of its clients repeat that may go well the next time."""

from __future__ import annotations

from broker.messages import FailureCode
from server.api.operation import problems_of_inferences
from server.dialects.flavour import Flavour
from server.errors import KINDS

STATUSES = {
    "malformed": 422,
    FailureCode.TOO_LARGE: 422,
    FailureCode.MODEL_ERROR: 424,
    FailureCode.POISON: 424,
}
WORDS = {424: "Backend", 429: "Overloaded", 500: "Backend", 503: "Unhealthy", 504: "Overloaded"}
TYPES = {code: WORDS.get(STATUSES.get(code, kind.status), "Validation") for code, kind in KINDS.items()}

FLAVOUR = Flavour(statuses=STATUSES, types=TYPES)
PROBLEMS = (400, *problems_of_inferences(FLAVOUR.status_of))  # 400: of a head that nobody can read
