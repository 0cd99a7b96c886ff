"""A card that has failed for good ends the process: nothing is published, the lease brings its jobs elsewhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import structlog

from batcher.engines.exceptions import OF_INPUTS, behind, card_failed, is_memory

DEVICE_LOST = 74  # exit status: EX_IOERR
REMEDY = "a fresh process has a fresh context: start it again; if it comes back, the kernel's log (Xid) names the card"
log = structlog.get_logger("batcher")


class DeviceLost(Exception):
    """The card's context has failed: this process can compute no more."""


def refuse_lost(error: BaseException) -> None:
    """Raises `DeviceLost` where this exception of a model says that its card has failed."""
    if isinstance(error, DeviceLost):
        raise error
    if why := card_failed(error) or _context_failed(error):
        raise DeviceLost(why) from error


@contextmanager
def ending_with_device() -> Iterator[None]:
    """Inside, a card that has failed ends the process at once, before an outcome of this step can leave."""
    try:
        yield
    except BaseException as error:
        try:
            refuse_lost(error)
        except DeviceLost as lost:
            end_process(str(lost))
        raise


def end_process(why: str) -> NoReturn:
    log.critical("device lost: this process ends, its jobs go to another", error=why, remedy=REMEDY)
    sys.stderr.flush()
    os._exit(DEVICE_LOST)  # no gentler way: every destructor that asks the card would hang or raise


def _context_failed(error: BaseException) -> str:
    """Asks torch's own contexts, since not every library's words are known; only where something went wrong."""
    torch: Any = sys.modules.get("torch")
    if torch is None or all(isinstance(one, OF_INPUTS) for one in behind(error)) or not torch.cuda.is_initialized():
        return ""
    try:
        for card in range(torch.cuda.device_count()):
            if torch.cuda.memory_allocated(card):
                torch.cuda.synchronize(card)
    except Exception as said:
        return "" if is_memory(said) else card_failed(said) or "the context answers with errors"
    return ""
