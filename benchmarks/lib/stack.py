"""A Jitney of our own to measure: a private broker, batchers, front ends, and a bare server beside them."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import redis

from benchmarks.lib.envelope import TEXT, envelope
from benchmarks.spent.broker_calls import by_command
from broker.common.free_port import free_port
from broker.common.parent_death import parent_death_guard
from broker.embedded import Server, embedded_server
from broker.keys import Keys

ROOT = Path(__file__).resolve().parents[2]
NAMESPACE = "benchmark"
READY_LIMIT = 60.0  # seconds; a busy machine takes its time over imports
STOP_LIMIT = 10.0  # seconds between SIGTERM and SIGKILL
BATCHES = re.compile(r"^jitney_batches_total\{.*\} (\S+)$", re.MULTILINE)
JOBS = re.compile(r"^jitney_batch_size_sum\{.*\} (\S+)$", re.MULTILINE)


class NotReady(Exception):
    """A process did not come up; the message holds what it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """One process of the stack. `port` is where it listens: HTTP of a server, metrics of a batcher."""

    title: str
    pid: int
    port: int
    output: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@dataclass(slots=True, kw_only=True)
class Stack:
    """Starts processes and ends them with the block of `open_stack`. Everything listens on the loopback only."""

    broker: Server
    redis: redis.Redis
    directory: Path
    cleanup: contextlib.ExitStack
    cores: Collection[int] = ()  # that servers may use, and nobody else does; () for any
    children: list[Child] = field(default_factory=list)
    environ: dict[str, str] = field(default_factory=dict)  # what the next processes find in theirs besides

    def start_front_end(self, *options: str, title: str = "front end") -> Child:
        """`python -m server`."""
        port = free_port()
        return self._start(title, port, "server", "--port", str(port), "--metrics-port", "0", *options)

    def start_bare(self, *options: str, title: str = "bare") -> Child:
        """`python -m benchmarks bare`."""
        port = free_port()
        return self._start(title, port, "benchmarks", "bare", "--port", str(port), *options)

    def start_batcher(self, name: str, spec: str, *options: str, title: str = "") -> Child:
        """`python -m batcher`, serving under this name; several of one name differ in their titles."""
        port = free_port()
        arguments = ["--model", spec, "--name", name, "--metrics-port", str(port), *options]
        return self._start(title or f"batcher {name}", port, "batcher", *arguments)

    def wait_until_it_answers(self, server: Child, name: str, languages: tuple[str, str] | None = None) -> None:
        """`POST /models/NAME` is a 200; a translation needs `languages`. Raises `NotReady`."""
        json = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{server.url}/models/{name}", envelope([TEXT], languages), json)
        give_up = time.monotonic() + READY_LIMIT
        while time.monotonic() < give_up:
            with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=5.0):
                return
            time.sleep(0.05)
        raise NotReady(f"no answer from {request.full_url} within {READY_LIMIT:g} s\n{self.said()}")

    def kill(self, child: Child) -> None:
        """SIGKILL: on return it is gone."""
        os.kill(child.pid, signal.SIGKILL)
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        self.children.remove(child)

    def batches(self, batcher: Child) -> int:
        """How many batches it has computed, by its own metrics."""
        return _counted(batcher, BATCHES)

    def jobs(self, batcher: Child) -> int:
        """How many jobs have left its card, by the same."""
        return _counted(batcher, JOBS)

    def calls(self) -> dict[str, int]:
        """How often the broker has run each command."""
        return by_command(self.redis.info("commandstats"))

    def reads(self) -> int:
        """How often the broker has read from a connection."""
        return int(self.redis.info("stats")["total_reads_processed"])

    def admissions(self) -> int:
        """How many ADMITs the front ends have run: each writes its sequence number into its `admit` key."""
        keys = self.redis.keys(Keys(NAMESPACE).admit("*"))
        return sum(int(value.split()[0]) for value in self.redis.mget(keys) if value) if keys else 0

    def pids(self) -> dict[str, int]:
        """Every process of the stack by its title, and we who measure."""
        pids = {"benchmark": os.getpid(), **{child.title: child.pid for child in self.children}}
        return pids if self.broker.pid is None else {**pids, "broker": self.broker.pid}

    def said(self) -> str:
        """The last words of every child."""
        texts = ((child.title, child.output.read_text(errors="replace")[-1000:].strip()) for child in self.children)
        return "\n".join(f"--- {title}\n{text}" for title, text in texts if text)

    def _start(self, title: str, port: int, module: str, *arguments: str) -> Child:
        output = self.directory / f"{title.replace(' ', '-')}.log"
        with output.open("wb") as sink:
            popen = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                env=self._environ(),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for us: we end it
            )
        self.cleanup.callback(_end, popen)
        if self.cores:
            os.sched_setaffinity(popen.pid, self.cores)  # the threads that it starts later follow it
        self.cleanup.enter_context(parent_death_guard(popen.pid))
        child = Child(title=title, pid=popen.pid, port=port, output=output)
        self.children.append(child)
        return child

    def _environ(self) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith("JITNEY_")}
        broker = {"JITNEY_REDIS_URL": self.broker.url, "JITNEY_NAMESPACE": NAMESPACE, **self.environ}
        return {**ours, **broker, "JITNEY_LOG_LEVEL": "warning", "JITNEY_DRAIN_SECONDS": "0", "OMP_NUM_THREADS": "1"}


@contextlib.contextmanager
def open_stack(cores: Collection[int] = ()) -> Iterator[Stack]:
    """A stack with a broker of its own, on a socket that only we can reach. Raises `BrokerUnavailable`.

    Where `cores` are named, every server runs on these, and we who send on the others.
    """
    with contextlib.ExitStack() as cleanup:
        directory = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="jitney-benchmark-")))
        # Never the broker that JITNEY_REDIS_URL names: others may live there, and its INFO would count them.
        broker = cleanup.enter_context(embedded_server(tcp=False, environ=_without_url()))
        client = cleanup.enter_context(redis.Redis.from_url(broker.url, socket_timeout=5.0))
        if cores and broker.pid is not None:
            cleanup.enter_context(_apart(broker.pid, cores))
        yield Stack(broker=broker, redis=client, directory=directory, cleanup=cleanup, cores=cores)


@contextlib.contextmanager
def _apart(server: int, cores: Collection[int]) -> Iterator[None]:
    """The server on these cores, and we on the rest for the length of the block."""
    ours = os.sched_getaffinity(0)
    os.sched_setaffinity(server, cores)
    os.sched_setaffinity(0, ours - set(cores))
    try:
        yield
    finally:
        os.sched_setaffinity(0, ours)


def _counted(batcher: Child, count: re.Pattern[str]) -> int:
    with urllib.request.urlopen(f"{batcher.url}/metrics", timeout=5.0) as page:
        return int(sum(float(found) for found in count.findall(page.read().decode())))


def _without_url() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "JITNEY_REDIS_URL"}


def _end(popen: subprocess.Popen[bytes]) -> None:
    popen.terminate()
    try:
        popen.wait(STOP_LIMIT)
    except subprocess.TimeoutExpired:
        popen.kill()
        popen.wait()
