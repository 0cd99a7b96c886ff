"""The server that is tuned: where it is, whose limits are changed, and whether it answers at all."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from benchmarks.lib import workload
from benchmarks.lib.arguments import above
from benchmarks.lib.workload import Workload
from benchmarks.load.command import Plan, measure, read_plan
from benchmarks.tuning.live_limits import LiveLimits
from broker.keys import Keys

WARM_UP = 0.5  # seconds before each window
IN_FLIGHT = 4096  # requests: a server that is overloaded is not to be taken for a client that is
RETRIES = 10  # of a command to the broker: some eight seconds where it refuses, a minute where it is silent


def add_options(command: argparse.ArgumentParser) -> None:
    """`--model --url --redis-url --namespace`, and what is sent."""
    add = command.add_argument
    add("--model", default="synthetic", help="whose limits, by its name [default: synthetic]")
    add("--url", default="http://127.0.0.1:9527", help="the front end [default: %(default)s]")
    broker = os.environ.get("JITNEY_REDIS_URL", "redis://127.0.0.1:6379/0")
    add("--redis-url", default=broker, help="the broker [default: JITNEY_REDIS_URL]")
    namespace = os.environ.get("JITNEY_NAMESPACE", "default")
    add("--namespace", default=namespace, help="of the broker's keys [default: JITNEY_NAMESPACE]")
    add("--processes", type=above(0), default=1, help="that send, each with its share of the load [default: 1]")
    workload.add_options(command)


@contextmanager
def live_limits(asked: argparse.Namespace) -> Iterator[LiveLimits]:
    """Those of the model that was asked for."""
    # Whatever is asked of the broker here may be asked twice, so that a short outage ends no sweep.
    retry = Retry(ExponentialBackoff(cap=1.0, base=0.1), RETRIES)
    with redis.Redis.from_url(asked.redis_url, socket_timeout=5.0, retry=retry) as client:
        yield LiveLimits(client, Keys(asked.namespace), asked.model)


def refuse_unfit(live: LiveLimits, asked: argparse.Namespace) -> None:
    """Raises `ValueError` where limits are on trial already, or would not be what is measured."""
    if live.are_for_an_slo():
        remedy = "start it without --slo-p99 to try limits"
        raise ValueError(f"a batcher of {asked.model} sizes its batches itself: {remedy}")
    if live.is_on_trial():
        both = f"another sweep runs, or one was killed; to put back those from before: {_restoring(asked)}"
        raise ValueError(f"limits of {asked.model} are on trial already: {both}")


def sent(asked: argparse.Namespace) -> Workload:
    """What was asked to be sent, to the model unless a path is named. Raises `OSError` and `ValueError`."""
    return workload.read(asked, f"/models/{asked.model.partition('@')[0]}")


def plan(asked: argparse.Namespace, duration: float, rate: float | None, concurrency: int | None) -> Plan:
    """`duration` seconds of it, by one of the two loops."""
    loop = ["--rate", str(rate)] if rate else ["--concurrency", str(concurrency)]
    times = ["--duration", str(duration), "--warm-up", str(WARM_UP)]
    planned, _ = read_plan([*loop, *times, "--url", asked.url, "--seed", str(asked.seed)])
    return replace(planned, workload=sent(asked), processes=asked.processes, max_in_flight=IN_FLIGHT)


async def check(plan: Plan) -> None:
    """Before anything is changed: raises `ValueError` where the server answers none of these requests."""
    found = await measure(replace(plan, rate=None, concurrency=1, warm_up=0.0, duration=WARM_UP))
    if not found.answered:
        said = f"{plan.url}{plan.workload.path} answers none of these requests ({', '.join(found.statuses)})"
        raise ValueError(f"{said}: see --model, --path and --url")


def complaint(command: str, asked: argparse.Namespace, error: redis.RedisError) -> str:
    """What to say when the broker was not to be had."""
    remedy = "see --redis-url, and the rights of an operator in docs/operators.md"
    left = f"limits on trial may be left; to put back those from before: {_restoring(asked)}"
    return f"python -m benchmarks {command}: the broker: {error}; {remedy}; {left}"


def unasked(command: str, asked: argparse.Namespace, error: OSError | ValueError) -> str:
    """What to say when it was not the broker: a server that has gone away has a remedy, the others name their own."""
    is_gone = isinstance(error, ConnectionError | TimeoutError)
    remedy = f"; does {asked.url} still answer? The limits from before are back" if is_gone else ""
    return f"python -m benchmarks {command}: {error}{remedy}"


def _restoring(asked: argparse.Namespace) -> str:
    """The command; the broker's URL may hold a password and is left to the environment."""
    return f"python -m benchmarks sweep --restore --model {asked.model} --namespace {asked.namespace} --redis-url …"
