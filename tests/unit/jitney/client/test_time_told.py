"""What a server is told of the time: less than there is, and never more than it takes."""

from __future__ import annotations

import json

import pytest

from jitney.client.errors import JitneyError, refused
from jitney.client.policy.time_told import TimeTold
from jitney.client.received import Received
from server.errors import Problem
from server.http.body import time_limit


def refusal_of_a_front_end(longest: float) -> JitneyError:
    with pytest.raises(Problem) as caught:
        time_limit({b"x-request-timeout": b"86400"}, longest, longest)
    body = json.dumps({"code": caught.value.code, "detail": caught.value.detail}).encode()
    return refused(Received(status=400, headers={}, body=body))


@pytest.mark.parametrize(("left", "told"), [(60.0, 59.0), (10.0, 9.5), (0.5, 0.45), (0.01, 0.001), (86400.0, 600.0)])
def test_the_way_back_has_a_little_of_the_time(left: float, told: float) -> None:
    assert TimeTold().of(left) == pytest.approx(told)


@pytest.mark.parametrize("longest", [30.0, 0.5, 59.5])
def test_a_server_that_takes_less_is_told_as_much_as_it_takes(longest: float) -> None:
    told = TimeTold()

    assert told.learns(refusal_of_a_front_end(longest))
    assert told.of(600.0) == longest


def test_the_same_refusal_again_says_nothing_new() -> None:
    told = TimeTold()
    told.learns(refusal_of_a_front_end(30.0))

    assert not told.learns(refusal_of_a_front_end(30.0))
    assert not told.learns(refused(Received(status=400, headers={}, body=b"")))
