"""What tune says at the end can be pasted, and is what it means."""

from __future__ import annotations

import pytest

from batcher.settings import BatcherSettings
from benchmarks.tuning.records import Choice, Recommendation
from benchmarks.tuning.tune.advice import config_map, environment, flags, in_words, verdict
from broker.messages import Limits
from broker.settings import parser_for, pick

MODEL = ["--model", "synthetic:1ms"]
FIXED = Limits(policy="fixed", max_wait=0.002, max_batch_size=8, max_batch_tokens=4096)


def choice(limits: Limits, rate: float) -> Choice:
    return Choice(limits=limits, rate=rate, fails_at=rate * 1.04, predicted=rate)


def read(arguments: list[str], environ: dict[str, str]) -> Limits:
    values = parser_for("batcher", "", BatcherSettings, environ=environ).parse_args(arguments)
    return pick(BatcherSettings, values).limits()


@pytest.mark.parametrize("limits", [Limits(), FIXED, Limits(max_batch_size=1)])
def test_what_is_pasted_is_read_back_as_the_limits_that_were_found(limits):
    named = dict(line.split("=") for line in environment(limits))

    assert read(MODEL, named) == read([*MODEL, *flags(limits).split()], {}) == limits
    assert config_map(limits) == [f'  {name}: "{value}"' for name, value in named.items()]


def test_the_usual_limits_are_left():
    assert verdict(choice(Limits(), 100.0), None, Limits()).startswith("leave adaptive, 64 jobs")


def test_batches_of_one_are_said_in_so_many_words():
    said = verdict(choice(Limits(max_batch_size=1), 100.0), None, Limits())

    assert said.startswith("set batch 1 (adaptive, 1 job): batching does not pay")


def test_the_loss_by_the_runner_up_is_said():
    assert verdict(choice(FIXED, 100.0), choice(Limits(), 75.0), Limits()).endswith("by which one loses 25%")


def test_doubts_stand_in_capitals():
    best = choice(FIXED, 100.0)
    found = Recommendation(
        slo_p99=0.2, rate=None, best=best, runner_up=None, verdict="x", fit=None, doubts=["it rained"]
    )

    assert "NOT TO BE TRUSTED: it rained." in list(in_words(found, [best]))
