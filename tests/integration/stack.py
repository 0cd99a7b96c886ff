"""Real processes for integration tests: a private broker, batchers and front ends, gone with the block.

with stack(models=["synthetic:10ms+0.5ms"]) as s:
    reply = s.post("/models/synthetic", {"payload": {"records": [{"id": "1", "text": "ab"}]}})
    s.batchers[0].kill()
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from broker.admin.rights import Role
from broker.common.free_port import free_port
from broker.common.parent_death import parent_death_guard
from broker.embedded import Binary, Server, embedded_server
from broker.keys import Keys
from tests.contract.users import rules, url_as
from tests.integration.processes import HOST, ROOT, FrontEnd, Process, Reply, clean_environ, variables

READY_LIMIT = 40.0  # seconds: importing a model library on a busy machine takes its time
NAMESPACE = "default"


@dataclass(slots=True, kw_only=True)
class Stack:
    """One broker and everything that runs around it."""

    broker: Server
    redis: redis.Redis
    directory: Path
    environ: Mapping[str, str]
    cleanup: contextlib.ExitStack
    has_users: bool  # the broker knows those of docs/acl
    root: Path = ROOT  # of the files that are run
    batchers: list[Process] = field(default_factory=list)
    front_ends: list[FrontEnd] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The first front end's."""
        return self.front_ends[0].url

    @property
    def urls(self) -> list[str]:
        """Of the front ends that run."""
        return [front_end.url for front_end in self.front_ends if front_end.exit_code is None]

    def post(self, path: str, body: Any, headers: Mapping[str, str] | None = None, timeout: float = 30.0) -> Reply:
        """To the first front end."""
        return self.front_ends[0].post(path, body, headers, timeout)

    def get(self, path: str, headers: Mapping[str, str] | None = None, timeout: float = 10.0) -> Reply:
        """From the first front end."""
        return self.front_ends[0].get(path, headers, timeout)

    def start_batcher(self, spec: str, *, name: str = "", wait: bool = True, **settings: object) -> Process:
        """`python -m batcher`; with `wait` it has announced itself on return. Settings as in `stack`."""
        known = self.announced() if wait else frozenset()
        arguments = ["batcher", "--model", spec, *(["--name", name] if name else [])]
        settings = {**self._as(Role.BATCHER), **settings}
        child = Process(**self._spawn(f"batcher {len(self.batchers) + 1}", arguments, settings))
        self._adopt(child)
        self.batchers.append(child)
        if wait:
            self.until(lambda: bool(self.announced() - known), f"{child.title} announces itself", child)
        return child

    def start_front_end(self, *, port: int = 0, wait: bool = True, **settings: object) -> FrontEnd:
        """`python -m server`; with `wait` it is ready on return. Settings as in `stack`."""
        port = port or free_port()
        arguments = ["server", "--host", HOST, "--port", str(port)]
        settings = {**self._as(Role.FRONT_END), **settings}
        child = FrontEnd(port=port, **self._spawn(f"front end {len(self.front_ends) + 1}", arguments, settings))
        self._adopt(child)
        self.front_ends.append(child)
        if wait:
            self.wait_ready(child)
        return child

    def start_writer(self, database: str) -> Process:
        """`python -m history`."""
        settings = {"history_database": database, **self._as(Role.WRITER)}
        child = Process(**self._spawn("writer", ["history"], settings))
        self._adopt(child)
        return child

    def wait_ready(self, front_end: FrontEnd) -> None:
        """It listens, and has met the broker."""
        self.until(front_end.is_ready, f"{front_end.title} is ready", front_end)

    def wait_live(self, batchers: int = 1) -> None:
        """Every front end can reach this many batchers, all models together."""
        for front_end in self.front_ends:
            sees = partial(_sees, front_end, batchers)
            self.until(sees, f"{front_end.title} sees {batchers} batcher(s)", front_end)

    def until(self, holds: Callable[[], bool], what: str, *needed: Process, within: float = READY_LIMIT) -> None:
        """Poll until it holds. Fails, with what all children said, when time is up or a `needed` child has ended."""
        give_up = time.monotonic() + within
        while not holds():
            ended = [child.title for child in needed if child.exit_code is not None]
            if ended or time.monotonic() > give_up:
                why = f"{', '.join(ended)} ended" if ended else f"not within {within} s"
                raise AssertionError(f"waited in vain until {what}: {why}\n{self.outputs()}")
            time.sleep(0.02)

    def announced(self) -> frozenset[bytes]:
        """The batchers that the broker knows of, by their ids."""
        ids: Any = self.redis.hkeys(Keys(NAMESPACE).batchers)
        return frozenset(ids)

    def outputs(self) -> str:
        """What every child said."""
        children = [*self.batchers, *self.front_ends]
        return "\n".join(f"--- {child.title} (code {child.exit_code})\n{child.stderr()}" for child in children)

    def _as(self, role: Role) -> dict[str, object]:
        return {"JITNEY_REDIS_URL": url_as(role, self.broker.url) if self.has_users else self.broker.url}

    def _spawn(self, title: str, arguments: Sequence[str], settings: Mapping[str, object]) -> dict[str, Any]:
        metrics_port = free_port()
        output = self.directory / f"{title.replace(' ', '-')}.log"
        with output.open("ab") as sink:
            popen = subprocess.Popen(
                [sys.executable, "-m", *arguments, "--metrics-port", str(metrics_port)],
                env={**self.environ, **variables(settings)},
                cwd=self.root,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return {"title": title, "popen": popen, "output": output, "metrics_port": metrics_port}

    def _adopt(self, child: Process) -> None:
        self.cleanup.enter_context(parent_death_guard(child.pid))
        self.cleanup.callback(child.kill)


@contextlib.contextmanager
def stack(
    models: Sequence[str] = ("synthetic:10ms+0.5ms",),
    front_ends: int = 1,
    *,
    broker: Server | None = None,
    binary: Binary | None = None,
    options: Sequence[str] = (),
    root: Path = ROOT,
    **settings: object,
) -> Iterator[Stack]:
    """A broker on loopback TCP, one batcher a model and the front ends, all ready and knowing each other.

    `broker` is one that runs already; else `binary` and `options` are those of `embedded_server`, and every process has
    only the rights that docs/acl grants it. `root` may be another revision's files. Settings reach every process as
    environment: `max_wait=0.005` is `JITNEY_MAX_WAIT=0.005`; names in capitals go as they are. Children's output is
    printed when the block fails.
    """
    environ = {**clean_environ(), **variables(settings)}
    with contextlib.ExitStack() as cleanup:
        directory = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="jitney-test-")))
        has_users = broker is None
        if broker is None:
            users = directory / "users.acl"
            users.write_text(rules())
            options = ["--aclfile", str(users), *options]
            broker = cleanup.enter_context(embedded_server(tcp=True, binary=binary, options=options, environ=environ))
        # One try more: a test that has restarted the broker finds a dead connection in the pool.
        client = redis.Redis.from_url(broker.url, socket_timeout=5.0, retry=Retry(NoBackoff(), 1))
        cleanup.enter_context(client)
        made = Stack(
            broker=broker,
            redis=client,
            directory=directory,
            environ=environ,
            cleanup=cleanup,
            has_users=has_users,
            root=root,
        )
        try:
            _start_all(made, models, front_ends)
            yield made
        except BaseException:
            print(made.outputs(), file=sys.stderr)
            raise


def _start_all(made: Stack, models: Sequence[str], front_ends: int) -> None:
    # All at once, then wait: their imports overlap.
    for spec in models:
        made.start_batcher(spec, wait=False)
    for _ in range(front_ends):
        made.start_front_end(wait=False)
    for front_end in made.front_ends:
        made.wait_ready(front_end)
    if not models:  # and maybe no broker either
        return
    made.until(lambda: len(made.announced()) >= len(models), "all batchers announce themselves", *made.batchers)
    made.wait_live(len(models))


def _sees(front_end: FrontEnd, batchers: int) -> bool:
    models = front_end.get("/v1/models").json()["models"]
    return sum(int(model["batchers"]) for model in models if model["status"] == "live") >= batchers
