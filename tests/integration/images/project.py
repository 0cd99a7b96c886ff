"""Runs the services of a compose file from images that were built here, as `docker compose up --wait` would.

They share one network, so each batcher has a port of its own for metrics; they find each other by their names. The
broker is this machine's.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from broker.common.parent_death import parent_death_guard
from broker.embedded import first_binary
from tests.integration.images.build import Image
from tests.integration.images.dockerfile import ROOT
from tests.integration.images.machine import Container, Network

PATIENCE = 150.0  # seconds until a service is healthy
# As a client should: 503 says when to come back, here while a front end still reads the files of a new model.
ASK = """
import base64, sys, time, urllib.error, urllib.request
path, kind, body = sys.argv[1:]
asked = urllib.request.Request("http://front-end:9527" + path, base64.b64decode(body) or None, {"Content-Type": kind})
for tries_left in reversed(range(10)):
    try:
        print(urllib.request.urlopen(asked, timeout=30).read().decode())
        break
    except urllib.error.HTTPError as error:
        if error.code != 503 or not tries_left:
            raise SystemExit(f"{error.code} {error.read().decode()}")
        time.sleep(float(error.headers["Retry-After"]))
"""


@dataclass(slots=True, kw_only=True)
class Service:
    """One that runs."""

    name: str
    container: Container
    command: list[str]
    check: list[str]
    output: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> subprocess.Popen[bytes]:
        self.process = self.container.start(self.command, self.output)
        return self.process

    def said(self) -> str:
        return self.output.read_text(encoding="utf-8", errors="replace")

    def is_healthy(self) -> bool:
        return self.container.run(self.check).returncode == 0

    def wait_healthy(self) -> None:
        give_up = time.monotonic() + PATIENCE
        while not self.is_healthy():
            assert self.process and self.process.poll() is None, f"{self.name} ended:\n{self.said()}"
            assert time.monotonic() < give_up, f"{self.name} is not healthy:\n{self.said()}"
            time.sleep(0.3)


@dataclass(slots=True, kw_only=True)
class Project:
    """All services, by name."""

    scratch: Path
    network: int
    services: dict[str, Service] = field(default_factory=dict)

    def ask(self, path: str, body: bytes | dict[str, Any] = b"", kind: str = "application/json") -> Any:
        """The front end, as a client in its network."""
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        asking = ["python", "-c", ASK, path, kind, base64.b64encode(sent).decode()]
        done = self.services["front-end"].container.run(asking, timeout=60.0)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@contextlib.contextmanager
def up(said: Mapping[str, Any], images: Mapping[str, Image], scratch: Path) -> Iterator[Project]:
    """Every service of it is healthy, and all are gone with the block."""
    with contextlib.ExitStack() as stack:
        project = Project(scratch=scratch, network=stack.enter_context(Network()))
        hosts = scratch / "hosts"
        hosts.write_text(f"127.0.0.1 localhost {' '.join(said['services'])}\n")
        _broker(said["services"]["broker"], project, stack)
        for name, one in said["services"].items():
            if name != "broker":
                service = _service(name, one, images[one["image"].partition(":")[0]], project, hosts)
                project.services[name] = service
                stack.enter_context(_running(service.start()))
        for service in project.services.values():
            service.wait_healthy()
        yield project


def _broker(said: Mapping[str, Any], project: Project, stack: contextlib.ExitStack) -> None:
    data = project.scratch / "broker"
    data.mkdir()
    program, *options = said["command"]
    assert program == "valkey-server"
    options = [str(data) if word == "/data" else word for word in options]
    joined = ["nsenter", f"--net=/proc/{project.network}/ns/net", str(first_binary().path), *options]
    stack.enter_context(_running(subprocess.Popen(joined, stdout=subprocess.DEVNULL, start_new_session=True)))


def _service(name: str, said: Mapping[str, Any], image: Image, project: Project, hosts: Path) -> Service:
    volumes = [_volume(volume, image, project.scratch) for volume in said.get("volumes", [])]
    environ = image.environ | said["environment"]
    if "JITNEY_MODEL" in environ:
        environ["JITNEY_METRICS_PORT"] = str(9540 + len(project.services))
    container = image.container(
        environ=environ,
        read_only=said["read_only"],
        tmpfs=said["tmpfs"],
        volumes=[*volumes, (hosts, "/etc/hosts", True)],
        network=project.network,
    )
    check = said["healthcheck"]["test"][1:] if "healthcheck" in said else image.check
    output = project.scratch / f"{name}.log"
    return Service(
        name=name, container=container, command=said.get("command", image.command), check=check, output=output
    )


def _volume(said: str, image: Image, scratch: Path) -> tuple[Path, str, bool]:
    source, target, *mode = said.split(":")
    if source.startswith("./"):
        return ROOT / source, target, mode == ["ro"]
    place = scratch / "volumes" / source  # a named volume begins as what the image has there
    place.mkdir(parents=True, exist_ok=True)
    there = (image.root / target.lstrip("/")).stat()
    os.chown(place, there.st_uid, there.st_gid)
    return place, target, False


@contextlib.contextmanager
def _running(process: subprocess.Popen[bytes]) -> Iterator[None]:
    with parent_death_guard(process.pid):
        try:
            yield
        finally:
            process.kill()
            process.wait()
