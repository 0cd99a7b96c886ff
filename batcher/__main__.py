"""`python -m batcher --model SPEC`: load, warm up, announce, run, drain, close."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
import uvloop

from batcher.loading import Ready, load
from batcher.metrics import BatcherMetrics
from batcher.models.card import artifacts_of, make_card
from batcher.models.errors import ModelSpecError
from batcher.models.settings import ModelSettings
from batcher.models.spec import parse_spec
from batcher.policy.batching import Batching
from batcher.policy.slo import SloCap
from batcher.serving.announced import Announced
from batcher.serving.heartbeat import Heartbeat
from batcher.serving.leases import Lease
from batcher.serving.loop import Loop
from batcher.settings import BatcherSettings
from broker.common.logs import configure_logging
from broker.common.masking import masked
from broker.common.output import never_fail
from broker.common.processes.workers import PortTaken, met, serve_metrics, stop_on_signals
from broker.common.version import jitney_version
from broker.errors import BrokerError, BrokerUnfit
from broker.keys import PROTOCOL
from broker.messages import ModelCard, Presence
from broker.redis import RedisBatcher, RedisHeartbeat, RedisStarter, connect_batcher, connect_heartbeat, connect_starter
from broker.settings import BrokerSettings, parser_for, pick
from broker.tracing.settings import TracingSettings
from broker.tracing.startup import spans_sent, tracing_from

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

USAGE_ERROR = 2
LOOP_ENDED = 70  # exit status: EX_SOFTWARE
Traced = Callable[[Lease], None]
DESCRIPTION = "Serves one model from the broker's queue, in batches. One process for each card."
log = structlog.get_logger("batcher")


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """This process's connections to the broker."""

    jobs: RedisBatcher
    beats: RedisHeartbeat
    starts: RedisStarter


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 after SIGTERM, 1 for a broker or machine that does not fit, 2 for what can never start."""
    tables = (BatcherSettings, ModelSettings, TracingSettings, BrokerSettings)
    parser = parser_for("python -m batcher", DESCRIPTION, *tables)
    values = parser.parse_args(argv)
    settings, how, broker = pick(BatcherSettings, values), pick(ModelSettings, values), pick(BrokerSettings, values)
    parser.refuse(settings.complaints() + how.complaints())
    configure_logging(settings.log_level)
    try:
        tracing = tracing_from(os.environ, pick(TracingSettings, values), "jitney-batcher", samples=False)
    except ValueError as error:
        parser.error(str(error))
    try:
        with spans_sent(tracing):
            return uvloop.run(_serve(settings, how, broker, None if tracing is None else tracing.tracer))
    except ModelSpecError as error:
        return _give_up(parser.as_given(str(error)), USAGE_ERROR)
    except (BrokerUnfit, PortTaken) as error:
        return _give_up(parser.as_given(str(error)))


def _give_up(reason: str, status: int = 1) -> int:
    """In one line, whatever a library had to say."""
    print(f"python -m batcher: {' '.join(masked(reason).split())}", file=sys.stderr)
    return status


async def _serve(
    settings: BatcherSettings, how: ModelSettings, broker: BrokerSettings, tracer: Tracer | None = None
) -> int:
    stopping = stop_on_signals()
    spec = parse_spec(settings.model)
    started = time.monotonic()
    log.debug("loading", model=settings.model)  # what cannot be loaded is told in one line
    ready = await asyncio.to_thread(load, spec, how, settings.limits())
    card = make_card(settings.name or spec.name, ready.model.about)
    log.info("loaded", model=card.key, task=card.task, seconds=round(time.monotonic() - started, 1))
    async with _linked(settings, broker, card.key) as links:
        artifacts, goes_on = artifacts_of(ready.model.about), lambda: not stopping.is_set()

        async def announce() -> None:
            await links.jobs.check()
            await asyncio.to_thread(links.beats.announce, card, artifacts, goes_on)

        if await met(announce, broker.redis_url, stopping, log):
            return await _run(settings, ready, card, links, stopping, tracer)
    return 0


@asynccontextmanager
async def _linked(settings: BatcherSettings, broker: BrokerSettings, model: str) -> AsyncIterator[Links]:
    url, namespace, lease, limits = broker.redis_url, broker.namespace, settings.lease, settings.limits()
    async with AsyncExitStack() as open_ones:
        jobs = await connect_batcher(url, namespace, model, lease=lease)
        open_ones.push_async_callback(jobs.aclose)
        beats = connect_heartbeat(url, namespace, model, lease=lease, limits=limits)
        open_ones.callback(beats.close)
        starts = connect_starter(url, namespace)
        open_ones.callback(starts.close)
        yield Links(jobs=jobs, beats=beats, starts=starts)


async def _run(
    settings: BatcherSettings,
    ready: Ready,
    card: ModelCard,
    links: Links,
    stopping: asyncio.Event,
    tracer: Tracer | None = None,
) -> int:
    batcher = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
    limits, metrics = settings.limits(), BatcherMetrics(card.name)
    loop = _loop(settings, ready, links, batcher, metrics, _traced(tracer, card))
    beating = Heartbeat(
        links.beats,
        ready.vitals,
        presence=_presence_of(loop.announced, batcher, card.key),
        on_pulse=loop.pulse,
        lease=settings.lease,
        max_step=settings.max_step,
    )
    told = {"model": card.key, "batcher": batcher, "max_batch_size": limits.max_batch_size, "policy": limits.policy}
    try:
        with beating:
            # Not before front ends know of this batcher: whoever probes /metrics takes an answer for "ready".
            serve_metrics(metrics.serve, settings.metrics_host, settings.metrics_port)
            log.info("serving", **told)
            status = await _serve_until_told(loop, stopping)
    finally:
        _leave(links.beats, batcher)
    log.info("closed", model=card.key)
    return status


def _loop(
    settings: BatcherSettings, ready: Ready, links: Links, batcher: str, metrics: BatcherMetrics, traced: Traced | None
) -> Loop:
    """With what was seen of its speed."""
    loop = Loop(
        links.jobs,
        ready.engine,
        settings.limits(),
        batching=ready.batching,
        batcher=batcher,
        vitals=ready.vitals,
        metrics=metrics,
        slo=_slo(settings, ready.batching),
        traced=traced,
        tell_start=links.starts.start,
    )
    loop.announced.learn(ready.seen)
    return loop


def _slo(settings: BatcherSettings, batching: Batching) -> SloCap | None:
    if settings.slo_p99 and batching.joins:
        log.warning("slo_p99 does nothing", reason="this model computes in flight: its jobs join and leave one by one")
    return SloCap(settings.slo_p99, batching.speed) if settings.slo_p99 and not batching.joins else None


def _traced(tracer: Tracer | None, card: ModelCard) -> Traced | None:
    """What makes the spans of a batch; None where there are none."""
    if tracer is None:
        return None
    from batcher.spans import BatchSpans

    return BatchSpans(tracer, card.key).told


def _presence_of(own: Announced, batcher: str, model: str) -> Callable[[], Presence]:
    """What this batcher announces of itself with each beat."""
    host, software = socket.gethostname(), jitney_version()

    def presence() -> Presence:
        return Presence(
            batcher=batcher,
            model=model,
            speed=own.speed,
            room=own.size,
            room_tokens=own.limits.max_batch_tokens,
            cost=own.cost,
            host=host,
            protocol=PROTOCOL,
            software=software,
            limits=own.allowed,
            slo=own.slo,
        )

    return presence


async def _serve_until_told(loop: Loop, stopping: asyncio.Event) -> int:
    """Exit status: 0 when it was told to stop; a loop that ends by itself must not look like a live batcher."""
    running, told = asyncio.create_task(loop.run()), asyncio.create_task(stopping.wait())
    await asyncio.wait([running, told], return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        told.cancel()
        log.critical("loop ended: this process ends, its jobs go to another", error=repr(running.exception()))
        return LOOP_ENDED
    log.info("draining")
    loop.stop()
    await running
    return 0


def _leave(heartbeat: RedisHeartbeat, batcher: str) -> None:
    try:
        heartbeat.leave(batcher)
    except BrokerError as error:
        log.warning("left without saying so", error=str(error))


if __name__ == "__main__":
    never_fail()
    sys.exit(main())
