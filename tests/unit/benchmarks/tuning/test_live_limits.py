"""Limits on trial: an operator finds what was there before, whatever ended the trial."""

from __future__ import annotations

import os
import signal

import pytest
import redis

from benchmarks.tuning.live_limits import LiveLimits
from broker.embedded import embedded_server
from broker.keys import Keys
from broker.messages import Limits
from broker.registry import decode_limits, unknown_limits

KEYS = Keys("trial")
KEY = KEYS.limits("toy")
TRIAL = Limits(max_batch_size=7)


@pytest.fixture(scope="module")
def broker():
    environ = {"PATH": os.environ.get("PATH", "")}
    with embedded_server(environ=environ) as server, redis.Redis.from_url(server.url) as client:
        yield client


@pytest.fixture
def client(broker):
    broker.delete(KEY)
    return broker


def test_a_batcher_reads_the_trial_and_complains_of_nothing(client):
    LiveLimits(client, KEYS, "toy@1").set(TRIAL)

    entry = client.hgetall(KEY)
    assert (decode_limits(entry, Limits()), unknown_limits(entry)) == (TRIAL, [])


@pytest.mark.parametrize("before", [{}, {b"max_wait": b"0.02", b"typo": b"1"}], ids=["no limits", "an operator's"])
def test_an_exception_in_the_trial_leaves_what_was_there_before(client, before):
    if before:
        client.hset(KEY, mapping=before)

    with pytest.raises(OSError), LiveLimits(client, KEYS, "toy").on_trial() as live:
        live.set(TRIAL)
        live.set(Limits(max_batch_size=9))
        raise OSError

    assert client.hgetall(KEY) == before


def test_sigterm_in_the_trial_leaves_what_was_there_before(client):
    with pytest.raises(KeyboardInterrupt), LiveLimits(client, KEYS, "toy").on_trial() as live:
        live.set(TRIAL)
        os.kill(os.getpid(), signal.SIGTERM)

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
