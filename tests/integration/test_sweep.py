"""`python -m benchmarks sweep` on a stack that runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from benchmarks.lib.stack import NAMESPACE, Stack, open_stack
from benchmarks.tuning.live_limits import NOT_TAKEN_UP, LiveLimits
from benchmarks.tuning.records import RunDirectory
from benchmarks.tuning.sweep import main
from broker.admin.redis import connect_admin
from broker.keys import Keys
from broker.messages import Limits

KEYS = Keys(NAMESPACE)
KEY = KEYS.limits("toy")
SHORT = ["--concurrency", "8", "--policies", "fixed", "--windows", "0", "--seconds", "0.4", "--most", "3"]


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Stack, list[str]]]:
    """A stack, and the arguments that lead to it."""
    with open_stack() as stack:
        stack.start_batcher("toy", "synthetic:2ms+0.5ms")
        front_end = stack.start_front_end()
        stack.wait_until_it_answers(front_end, "toy")
        broker = ["--redis-url", stack.broker.url, "--namespace", NAMESPACE]
        yield stack, ["--url", front_end.url, *broker, "--model", "toy"]


@pytest.fixture
def arguments(running: tuple[Stack, list[str]]) -> list[str]:
    stack, there = running
    stack.redis.delete(KEY)
    return there


@pytest.fixture
def redis(running):
    return running[0].redis


def test_a_sweep_measures_every_setting_and_leaves_the_limits_as_they_were(arguments, redis, tmp_path):
    redis.hset(KEY, "max_wait", "0.02")

    status = main([*arguments, *SHORT, "--sizes", "1,8", "--out", str(tmp_path)])

    points = RunDirectory(tmp_path).points()
    assert (status, redis.hgetall(KEY)) == (0, {b"max_wait": b"0.02"})
    assert [point.limits.max_batch_size for point in points] == [1, 8]
    assert points[0].summary.per_second < points[1].summary.per_second
    assert all(NOT_TAKEN_UP not in point.doubts for point in points)


def test_a_sweep_is_gone_on_with_where_it_ended(arguments, tmp_path):
    assert main([*arguments, *SHORT, "--sizes", "8", "--out", str(tmp_path)]) == 0
    first = RunDirectory(tmp_path).points()

    assert main([*arguments, *SHORT, "--sizes", "8,4", "--out", str(tmp_path)]) == 1  # nobody said --resume
    assert main([*arguments, *SHORT, "--sizes", "8,4", "--out", str(tmp_path), "--resume"]) == 0

    points = RunDirectory(tmp_path).points()
    assert (points[:1], [point.limits.max_batch_size for point in points]) == (first, [8, 4])


def test_a_sweep_sends_what_it_is_told_to_and_goes_on_with_nothing_else(arguments, tmp_path):
    sweep = [*arguments, *SHORT, "--sizes", "8", "--out", str(tmp_path), "--resume"]

    assert main([*sweep, "--words", "9", "--records", "4"]) == 0
    assert main([*sweep, "--words", "9"]) == 1

    assert RunDirectory(tmp_path).read().workload["records"] == "4"


def test_every_setting_is_tried_under_every_load_and_the_goodput_is_kept(arguments, tmp_path, capsys):
    trials = ["--rates", "20,40", "--policies", "adaptive", "--sizes", "1,8", "--seconds", "0.4", "--most", "3"]

    assert main([*arguments, *trials, "--slo-p99", "10s", "--out", str(tmp_path)]) == 0

    points = RunDirectory(tmp_path).points()
    assert [(one.limits.max_batch_size, one.offered.rate) for one in points] == [(1, 20), (1, 40), (8, 20), (8, 40)]
    assert all(one.summary.goodput == one.summary.per_second for one in points)
    assert capsys.readouterr().err.startswith("4 points, ")


def test_limits_on_trial_are_no_second_sweeps_to_change_and_restore_puts_back_the_old_ones(
    arguments, redis, tmp_path, capsys
):
    redis.hset(KEY, "max_wait", "0.02")
    LiveLimits(redis, KEYS, "toy").set(Limits(max_batch_size=1))
    left = redis.hgetall(KEY)

    with closing(connect_admin(arguments[arguments.index("--redis-url") + 1], NAMESPACE)) as admin:
        assert admin.overview().on_trial == ["toy"]
    status = main([*arguments, *SHORT, "--out", str(tmp_path)])

    assert (status, redis.hgetall(KEY), "--restore" in capsys.readouterr().err) == (1, left, True)
    assert main([*arguments, "--restore"]) == 0
    assert redis.hgetall(KEY) == {b"max_wait": b"0.02"}


def test_a_model_that_answers_nothing_is_told_before_anything_is_changed(arguments, redis, tmp_path, capsys):
    status = main([*arguments, "--model", "toi", *SHORT, "--out", str(tmp_path)])

    assert (status, redis.exists(KEYS.limits("toi"))) == (1, 0)
    assert "/models/toi answers none of these requests (404): see --model" in capsys.readouterr().err


def test_a_broker_that_is_not_there_is_told_with_a_remedy(arguments, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("benchmarks.tuning.server.RETRIES", 0)

    status = main([*arguments, *SHORT, "--redis-url", "redis://127.0.0.1:1/0", "--out", str(tmp_path)])

    assert (status, "see --redis-url" in capsys.readouterr().err) == (1, True)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param([], id="neither rate nor clients"),
        pytest.param(["--rate", "1", "--sizes", "0"], id="a size that no batcher takes"),
        pytest.param(["--rate", "1", "--sizes", "a"], id="a size that is no number"),
        pytest.param(["--rate", "1"], id="nowhere to write"),
        pytest.param(["--rate", "1", "--out", "x", "--from-lang", "en"], id="one language"),
    ],
)
def test_a_command_line_that_cannot_be_ends_with_2(wrong, capsys):
    with pytest.raises(SystemExit) as ended:
        main(wrong)

    assert (ended.value.code, "error:" in capsys.readouterr().err) == (2, True)
