"""When a client is told to ask again."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import Mock

import pytest

from broker.predictions.contract import Prediction, State
from server.fleet.capacity import Capacity
from server.predictions.document import come_back
from server.predictions.stored import Stored, request_to_bytes

SECOND_A_RECORD = Capacity(per_job=0.75, room=100)  # with the caution of `expected`
SERVED = {"echo": Mock(capacity=SECOND_A_RECORD)}
REQUEST = request_to_bytes(Stored(path="/", query="", headers={}, model="echo", task="any", lane="bulk"))
TIMES = {"created": 0.0, "started": 0.0, "finished": None, "deadline": 900.0, "expires": 900.0}
COUNTS = {"size": 1, "records": 50, "done": 0, "failed": 0}
OPEN = Prediction(id="one", state=State.RUNNING, owner="me", request=REQUEST, now=0.0, **COUNTS, **TIMES)


@pytest.mark.parametrize(
    ("prediction", "told"),
    [
        pytest.param(OPEN, "50", id="at first, for all of its records"),
        pytest.param(replace(OPEN, now=20.0), "30", id="less the time that is over"),
        pytest.param(replace(OPEN, now=80.0), "1", id="a second, where it should have ended"),
        pytest.param(replace(OPEN, now=80.0, done=29, failed=1), "20", id="for those that have not ended"),
        pytest.param(replace(OPEN, request=REQUEST.replace(b"echo", b"gone")), "1", id="a second, where nobody knows"),
    ],
)
def test_an_open_one_says_when_to_ask_again(prediction: Prediction, told: str):
    assert come_back(prediction, SERVED) == {"retry-after": told}


def test_one_that_has_ended_does_not():
    assert come_back(replace(OPEN, state=State.SUCCEEDED), SERVED) == {}
