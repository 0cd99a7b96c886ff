"""What processes have in common that answer no HTTP but /metrics: batchers, and the history's writer."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from broker.common.backoff import Backoff
from broker.common.diagnosis import diagnose
from broker.common.throttled_log import ThrottledLog
from broker.errors import BrokerError, BrokerUnfit

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 1.0  # seconds between attempts to meet the broker


class PortTaken(Exception):
    """The metrics port cannot be had; the message names the remedy."""


def stop_on_signals() -> asyncio.Event:
    """Set once this process is told to end."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    return stopping


def serve_metrics(serve: Callable[[str, int], None], host: str, port: int) -> None:
    """Where there is a port. Raises `PortTaken`."""
    try:
        if port:
            serve(host, port)
    except OSError as error:
        taken = f"metrics port {port}: {error.strerror}"
        raise PortTaken(f"{taken}; choose another with --metrics-port, or 0") from error


async def met(
    meet: Callable[[], Awaitable[None]], url: str, stopping: asyncio.Event, log: structlog.BoundLogger
) -> bool:
    """Wait for a broker that is away. False when told to stop first. Raises `BrokerUnfit`."""
    backoff, not_met = Backoff(FIRST_PAUSE, LONGEST_PAUSE), ThrottledLog(log.warning)
    while not stopping.is_set():
        try:
            await meet()
            return True
        except BrokerUnfit:
            raise
        except BrokerError as error:
            why = diagnose(error, url)
            not_met("broker not met", url=why.tried, error=str(error), cause=why.cause, remedy=why.remedy)
        with suppress(TimeoutError):
            async with asyncio.timeout(backoff.pause()):
                await stopping.wait()
    return False
