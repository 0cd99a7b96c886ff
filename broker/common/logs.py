"""One line per event on stderr: JSON for machines, words for a terminal; never a text that a client sent, nor a
password. A line that cannot be written is lost (`broker/common/output.py`), and nothing else is."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from broker.common.masking import masked_deep
from broker.common.output import lost


def configure_logging(level: str) -> None:
    """Everything this process logs from now on, uvicorn's lines too."""
    shared: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    # Plain tracebacks: the richer ones print local variables, which hold what clients sent.
    render: list[Any] = [
        structlog.processors.format_exc_info,
        _finished,
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if sys.stderr.isatty()
        else structlog.processors.JSONRenderer(),
    ]
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, *shared, *render],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    _adopt_standard_logging(level, shared, render)


def _finished(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Without passwords, and with how many lines were lost before this one."""
    finished: dict[str, Any] = masked_deep(dict(event))
    return {**finished, "lines_lost": lost()} if lost() else finished


def _adopt_standard_logging(level: str, shared: list[Any], render: list[Any]) -> None:
    """uvicorn and asyncio speak through the standard library; their lines get the same shape."""
    logging.raiseExceptions = False  # a library's line that cannot be formatted would be told with what was to be in it
    handler = logging.StreamHandler(sys.stderr)
    remove = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    formatter = structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[remove, *render])
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    logging.getLogger("uvicorn").setLevel(max(root.level, logging.WARNING))  # what it says of normal life we say better
    for name in ("httpx2", "httpcore2"):  # their lines show addresses, and headers
        logging.getLogger(name).setLevel(max(root.level, logging.WARNING))
