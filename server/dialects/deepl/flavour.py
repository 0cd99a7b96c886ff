"""How DeepL's addresses refuse: `message`, beside our problem document, whose `detail` some clients show as well.

They ask again after 429 and any 5xx, five times. So an input that crashes batchers is a 400 here.
"""

from __future__ import annotations

from broker.messages import FailureCode
from server.dialects.flavour import Flavour

FLAVOUR = Flavour(
    statuses={
        "unauthenticated": 403,
        FailureCode.INVALID_INPUT: 400,
        "unknown_language": 400,
        FailureCode.MODEL_ERROR: 400,
        FailureCode.POISON: 400,
        FailureCode.EXPIRED: 503,
    }
)
refuse, status_of = FLAVOUR.refuse, FLAVOUR.status_of
