"""Limits as operators spell them."""

from __future__ import annotations

import pytest

from broker.credentials.policies import EXAMPLE, parse_policies
from broker.messages import Policy


def test_the_example_of_every_complaint_is_understood() -> None:
    assert parse_policies(EXAMPLE) == (
        Policy(name="jobs", unit="jobs", quota=600, window=60.0),
        Policy(name="tokens", unit="tokens", quota=200_000, window=60.0),
        Policy(name="requests", unit="requests", quota=100, window=1.0),
        Policy(name="concurrency", unit="requests", quota=4, window=0.0, kind="concurrency"),
        Policy(name="jobs-day", unit="jobs", quota=50_000, window=86_400.0, kind="day"),
    )


@pytest.mark.parametrize("text", ["", " ", ",", " , "])
def test_nothing_is_no_limit(text: str) -> None:
    assert parse_policies(text) == ()


@pytest.mark.parametrize("text", ["1 job/min", "1_000 jobs / h", "5 requests/s,", "1000000000000 tokens/day"])
def test_small_differences_of_spelling_are_understood(text: str) -> None:
    assert len(parse_policies(text)) == 1


def test_two_windows_of_a_unit_have_two_names() -> None:
    names = [policy.name for policy in parse_policies("10 jobs/s, 100 jobs/min, 1000 jobs/h, 5000 jobs/day")]

    assert names == ["jobs", "jobs-min", "jobs-h", "jobs-day"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("600 jobs", "'600 jobs' is no limit: say 600 jobs/min"),
        ("600 cats/min", "'600 cats/min' is no limit"),
        ("600 jobs/week", "'600 jobs/week' is no limit"),
        ("-5 jobs/min", "is no limit"),
        ("0 jobs/min", "0 is no limit: it must be 1 to"),
        ("0 at once", "0 is no limit"),
        ("9000000000000 jobs/min", "is no limit: it must be 1 to"),
        ("5 jobs/min, 6 jobs/min", "'6 jobs/min' says again what jobs says"),
        ("4 at once, 5 at once", "says again what concurrency says"),
        ("1.5 jobs/min", "is no limit"),
    ],
)
def test_what_makes_no_sense_is_told_with_an_example(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said.replace("'", ".")):
        parse_policies(text)
