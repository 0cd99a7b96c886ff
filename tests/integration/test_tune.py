"""`python -m benchmarks tune` on a stack that runs."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from benchmarks.lib.stack import NAMESPACE, Stack, open_stack
from benchmarks.tuning.records import RunDirectory
from benchmarks.tuning.tune.command import UNTRUSTED, main
from broker.keys import Keys

KEY = Keys(NAMESPACE).limits("toy")
SHORT = ["--seconds", "0.2", "--policies", "adaptive", "--most", "2", "--slo-p99", "1s"]


@pytest.fixture(autouse=True)
def _no_limits(running: tuple[Stack, list[str]]) -> None:
    running[0].redis.delete(KEY)


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Stack, list[str]]]:
    """A stack, and the arguments that lead to it."""
    with open_stack() as stack:
        stack.start_batcher("toy", "synthetic:20ms+1ms", "--max-batch-size", "8")
        front_end = stack.start_front_end()
        stack.wait_until_it_answers(front_end, "toy")
        broker = ["--redis-url", stack.broker.url, "--namespace", NAMESPACE]
        yield stack, ["--url", front_end.url, *broker, "--model", "toy"]


def test_a_tuning_measures_recommends_and_leaves_the_limits_as_they_were(running, tmp_path, capsys):
    stack, there = running
    stack.redis.hset(KEY, "max_wait", "0.02")

    status = main([*there, *SHORT, "--sizes", "8", "--json", "--out", str(tmp_path)])

    found, directory = json.loads(capsys.readouterr().out), RunDirectory(tmp_path)
    assert status in (0, UNTRUSTED)  # a machine that runs other tests is not quiet
    assert stack.redis.hgetall(KEY) == {b"max_wait": b"0.02"}
    assert 10 < found["best"]["rate"] < 400  # eight in 28 ms: 285 a second; a busy machine carries less
    assert 0.015 < found["fit"]["fixed"] < 0.06
    assert (directory.read().command, directory.recommendation().verdict) == ("tune", found["verdict"])
    assert found["best"]["rate"] in {point.offered.rate for point in directory.points()}


def test_for_a_rate_only_what_carries_it_is_advised_and_few_requests_are_not_trusted(running, tmp_path, capsys):
    stack, there = running
    asked = ["--rate", "70", "--sizes", "1,8", "--apply", "--out", str(tmp_path)]

    status = main([*there, *SHORT, *asked])

    said = capsys.readouterr()
    assert "JITNEY_MAX_BATCH_SIZE=8" in said.out.splitlines()  # one at a time makes 47 a second
    assert (status, "not applied" in said.err, stack.redis.exists(KEY)) == (UNTRUSTED, True, 0)  # few requests


def test_an_slo_below_a_lone_batch_is_told_with_what_a_batch_costs(running, tmp_path, capsys):
    _, there = running
    asked = [*there, *SHORT, "--sizes", "8", "--slo-p99", "10ms", "--out", str(tmp_path)]

    status = main(asked)

    said = capsys.readouterr()
    assert (status, said.out) == (1, "")
    assert "a batch costs" in said.err and "a longer --slo-p99" in said.err
    assert main(asked) == 1
    assert "holds points already" in capsys.readouterr().err


def test_a_model_that_answers_nothing_is_told_before_anything_is_changed(running, tmp_path, capsys):
    stack, there = running

    assert main([*there, *SHORT, "--model", "toi", "--out", str(tmp_path)]) == 1
    assert "answers none of these requests (404)" in capsys.readouterr().err
    assert stack.redis.exists(Keys(NAMESPACE).limits("toi")) == 0
