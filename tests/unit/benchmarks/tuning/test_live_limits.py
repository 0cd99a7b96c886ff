"""Limits on trial: an operator finds what was there before, whatever ended the trial."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
from dataclasses import replace

import pytest
import redis

from benchmarks.tuning import live_limits
from benchmarks.tuning.live_limits import LiveLimits, have_taken_up
from benchmarks.tuning.server import refuse_unfit
from broker.embedded import embedded_server
from broker.keys import Keys
from broker.messages import Limits, ModelCard, Presence, Slo
from broker.redis import connect_heartbeat
from broker.registry import decode_limits, unknown_limits

KEYS = Keys("trial")
KEY = KEYS.limits("toy")
ASKED = argparse.Namespace(model="toy", namespace="trial")
TRIAL = Limits(max_batch_size=7)
OLD = Presence(batcher="old", model="toy@1")
NEW = replace(OLD, batcher="new", limits=TRIAL)
LATE = replace(OLD, batcher="late", limits=Limits())


@pytest.fixture(scope="module")
def server():
    with embedded_server(environ={"PATH": os.environ.get("PATH", "")}) as server:
        yield server


@pytest.fixture(scope="module")
def broker(server):
    with redis.Redis.from_url(server.url) as client:
        yield client


@pytest.fixture
def client(broker):
    broker.delete(KEY)
    return broker


def test_a_batcher_reads_the_trial_and_complains_of_nothing(client):
    LiveLimits(client, KEYS, "toy@1").set(TRIAL)

    entry = client.hgetall(KEY)
    assert (decode_limits(entry, Limits()), unknown_limits(entry)) == (TRIAL, [])


def test_limits_that_are_applied_stay_and_are_counted(client):
    live = LiveLimits(client, KEYS, "toy")

    for number in (1, 2):
        live.apply(TRIAL)
        found = client.hgetall(KEY)
        assert (decode_limits(found, Limits()), live.is_on_trial()) == (replace(TRIAL, version=number), False)


def test_a_second_ctrl_c_waits_until_the_old_limits_are_back(client, monkeypatch):
    restore = LiveLimits.restore

    def interrupted(live: LiveLimits) -> bool:
        os.kill(os.getpid(), signal.SIGINT)
        return restore(live)

    monkeypatch.setattr(LiveLimits, "restore", interrupted)

    with pytest.raises(KeyboardInterrupt), LiveLimits(client, KEYS, "toy").on_trial() as live:
        live.set(TRIAL)

    assert client.hgetall(KEY) == {}


@pytest.mark.parametrize("before", [{}, {b"max_wait": b"0.02", b"typo": b"1"}], ids=["no limits", "an operator's"])
def test_an_exception_in_the_trial_leaves_what_was_there_before(client, before):
    if before:
        client.hset(KEY, mapping=before)

    with pytest.raises(OSError), LiveLimits(client, KEYS, "toy").on_trial() as live:
        live.set(TRIAL)
        live.set(Limits(max_batch_size=9))
        raise OSError

    assert client.hgetall(KEY) == before


@pytest.fixture
def as_in_a_terminal():
    """Where a shell runs the tests in the background, SIGINT is ignored by all that it starts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("as_in_a_terminal")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_in_the_trial_leaves_what_was_there_before(client, number):
    with pytest.raises(KeyboardInterrupt), LiveLimits(client, KEYS, "toy").on_trial() as live:
        live.set(TRIAL)
        os.kill(os.getpid(), number)

    assert client.hgetall(KEY) == {}


def test_the_next_start_puts_back_what_a_kill_left(client):
    client.hset(KEY, "max_wait", "0.02")
    LiveLimits(client, KEYS, "toy").set(TRIAL)

    restored = LiveLimits(client, KEYS, "toy").restore()

    assert (restored, client.hgetall(KEY)) == (True, {b"max_wait": b"0.02"})


def test_without_a_trial_nothing_is_put_back(client):
    client.hset(KEY, "max_wait", "0.02")

    restored = LiveLimits(client, KEYS, "toy").restore()

    assert (restored, client.hgetall(KEY)) == (False, {b"max_wait": b"0.02"})


@pytest.mark.parametrize(
    ("batchers", "said"),
    [
        pytest.param([NEW, NEW], True, id="all say so"),
        pytest.param([replace(NEW, limits=replace(TRIAL, version=3))], True, id="the version is no limit"),
        pytest.param([NEW, LATE], False, id="one has others"),
        pytest.param([NEW, OLD], None, id="one does not say"),
        pytest.param([OLD, LATE], False, id="one does not say and one has others"),
        pytest.param([], False, id="nobody is there"),
    ],
)
def test_limits_are_taken_up_when_every_batcher_announces_them(batchers, said):
    assert have_taken_up(TRIAL, batchers) is said


@pytest.fixture
def beat(server, client):
    """Has a batcher announce these."""
    client.delete(KEYS.batchers)
    heart = connect_heartbeat(server.url, "trial", "toy@1", lease=2.5, limits=Limits())
    heart.announce(ModelCard(name="toy", task="t", codec="text", revision="1"), {})
    yield lambda presence: heart.beat(presence, {})
    heart.close()


def test_a_batcher_that_announces_the_limits_on_trial_ends_the_wait(client, beat):
    live = LiveLimits(client, KEYS, "toy")
    beat(LATE)
    beat(replace(LATE, batcher="of another model", model="toyota@1"))

    before = asyncio.run(live.taken_up(TRIAL, within=0.0))
    beat(replace(LATE, limits=TRIAL))

    assert (before, asyncio.run(live.taken_up(TRIAL, within=0.0))) == (False, True)


def test_of_a_batcher_that_does_not_say_time_is_proof(client, beat, monkeypatch):
    monkeypatch.setattr(live_limits, "SETTLING", 0.0)
    beat(OLD)

    assert asyncio.run(LiveLimits(client, KEYS, "toy").taken_up(TRIAL)) is True


def test_a_batcher_that_sizes_its_batches_itself_is_nobody_to_try_limits_on(client, beat):
    live = LiveLimits(client, KEYS, "toy")
    beat(replace(OLD, batcher="of another model", model="toyota@1", slo=Slo(bound=0.1)))
    refuse_unfit(live, ASKED)

    beat(replace(NEW, slo=Slo(bound=0.1)))

    with pytest.raises(ValueError, match="without --slo-p99"):
        refuse_unfit(live, ASKED)
