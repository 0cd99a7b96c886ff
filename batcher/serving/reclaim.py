"""Takes back the jobs of batchers that died: every batcher looks after all of them."""

from __future__ import annotations

import asyncio
import random

import structlog

from broker.common.throttled_log import ThrottledLog
from broker.contract import BatcherBroker
from broker.errors import BrokerError
from broker.messages import identity_of

RECLAIM_EVERY = 1.0  # seconds
log = structlog.get_logger("batcher")


async def reclaim_until(stopping: asyncio.Event, broker: BatcherBroker) -> None:
    """RECLAIM about once a second; the log names every dead letter."""
    not_reclaimed = ThrottledLog(log.warning)
    while not stopping.is_set():  # and not until cancelled: a connection that opens may swallow that
        await asyncio.sleep(RECLAIM_EVERY * random.uniform(0.75, 1.0))
        try:
            for letter in await broker.reclaim():
                log.error("dead letter", **identity_of(letter.job_id, letter.meta), model=letter.model)
        except BrokerError as error:
            if not stopping.is_set():  # else our own connections were closed under it
                not_reclaimed("reclaim failed", error=str(error))
        except Exception:
            log.exception("reclaim failed")
