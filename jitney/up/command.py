"""`jitney up`: all processes on one machine, from the broker to the front ends."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

from broker.common.free_port import free_port
from broker.common.masking import shown
from broker.embedded import command, first_binary, named_server, private_directory, socket_url
from broker.errors import BrokerError
from history.databases.errors import DatabaseUnfit
from history.databases.place import open_database
from jitney import __version__
from jitney.up.child import UNAVAILABLE, USAGE, GaveUp
from jitney.up.plan import ChildSpec, ModelSpec, UsageError, broker_child, children, default_models, read_models
from jitney.up.probe import Probe
from jitney.up.reload import Watch, watches_of
from jitney.up.screen import Screen
from jitney.up.supervisor import Supervisor

CLEAN, KILLED = 0, 130


class PortTaken(Exception):
    """We cannot listen on this port; the message says what to do."""


def run_up(texts: Sequence[str], *, front_ends: int, host: str, port: int, history: str = "", **how: bool) -> int:
    """Serve until Ctrl-C or SIGTERM. The exit code: 0 clean, 1 no port or no broker, 2 something that was asked for
    cannot be, 130 killed."""
    screen = Screen()
    try:
        return _serve(screen, texts, front_ends, host, port, history, **how)
    except UsageError as error:
        screen.complain(str(error))
        return USAGE
    except GaveUp as error:
        screen.complain(f"{error}; nothing is left to serve")
        return error.code if error.code in (UNAVAILABLE, USAGE) else UNAVAILABLE
    except (PortTaken, BrokerError) as error:
        screen.complain(str(error))
        return UNAVAILABLE
    except KeyboardInterrupt:  # before the supervisor listened to signals
        return CLEAN


def _serve(
    screen: Screen,
    texts: Sequence[str],
    front_ends: int,
    host: str,
    port: int,
    history: str,
    *,
    is_verbose: bool = False,
    reloads: bool = False,
) -> int:
    screen.say(f"jitney {__version__}")
    models = read_models(texts) or _default_models(screen)
    _refuse_unfit(history)
    port = take_port(host, port)
    with _broker(screen) as (redis_url, table):
        how = {"is_verbose": is_verbose, "reloads": reloads}
        table += children(models, front_ends, host, port, redis_url, free_port, history=history, **how)
        screen.say(f"starting {', '.join(spec.title for spec in table)}")
        watches = watches_of(table, Path.cwd()) if reloads else []
        if watches:
            watched = (f"{watch.count} for {', '.join(sorted(watch.titles))}" for watch in watches if watch.titles)
            screen.say(f"files that are watched: {'; '.join(watched)}")
        code = asyncio.run(_supervise(table, Probe(host, port, redis_url, has_keys=_has_keys()), screen, watches))
    screen.say("ended" if code != KILLED else "killed")
    return code


def _refuse_unfit(history: str) -> None:
    try:
        if history:
            open_database(history)
    except DatabaseUnfit as error:
        raise UsageError(f"--history-database: {error}") from error


def _has_keys() -> bool:
    """Whether the front ends' environment has them ask for keys."""
    return os.environ.get("JITNEY_API_KEYS", "off") != "off"


@contextlib.contextmanager
def _broker(screen: Screen) -> Iterator[tuple[str, list[ChildSpec]]]:
    """The broker's URL, and its child where it is a private one."""
    named = named_server()
    if named:
        screen.say(f"broker: {shown(named.url)}")
        yield named.url, []
        return
    binary = first_binary()
    screen.say(f"broker: a private {binary.kind}")
    with private_directory() as directory:
        yield socket_url(directory), [broker_child(command(binary, directory), directory)]


async def _supervise(table: Sequence[ChildSpec], probe: Probe, screen: Screen, watches: Sequence[Watch]) -> int:
    supervisor = Supervisor(table, probe, screen, watches)
    if not await supervisor.run():
        return KILLED
    return USAGE if supervisor.given_up else CLEAN


def _default_models(screen: Screen) -> list[ModelSpec]:
    models = default_models(Path.cwd())
    screen.say(f"no --model given, so we take {' and '.join(model.spec for model in models)}")
    return models


def take_port(host: str, port: int) -> int:
    """The port, or a free one for 0. Raises `PortTaken` where somebody else listens, or where we may not."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # yesterday's connections do not count
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortTaken(_why_not(host, port, error)) from error
        return int(probe.getsockname()[1])


def _why_not(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        remedy = "end the program that listens there, or choose another with --port (or JITNEY_PORT)"
        return f"port {port} on {host} is taken: {remedy}"
    return f"port {port} on {host} cannot be had ({error.strerror}): choose another --port or --host"
