"""A reader who goes through a page and pastes its commands into a shell, one after the other."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from broker.common.parent_death import parent_death_guard
from tests.integration.processes import ROOT, clean_environ
from tests.integration.shown.likeness import missing
from tests.integration.shown.service import Service, as_one_process, ready_when
from tests.shown_commands import Shown

LIMIT = 60.0  # seconds a command
LINKS = ("Makefile", "benchmarks", "demo", "docs", "setup.cfg")  # what commands name by its place in the repository
BROKER = re.compile(r"JITNEY_REDIS_URL=(\S+) jitney status")
ADDRESS = re.compile(r"^ +ready +http://127\.0\.0\.1:(\d+)", re.MULTILINE)


@dataclass(slots=True, kw_only=True)
class Walk:
    """Where the reader has come to: a directory, a shell's variables, and what runs."""

    directory: Path
    environ: MutableMapping[str, str]
    cleanup: contextlib.ExitStack
    port: int = 9527  # of the front end that is asked
    said: str = ""  # by all commands
    services: list[Service] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def broker(self) -> str:
        return self.environ["JITNEY_REDIS_URL"]

    def run(self, text: str, shown: Shown, *, only_keys: bool = False) -> None:
        """`text` is the shown command as this machine can run it."""
        if ready_when(text):
            self.start(text)
            return
        ended = subprocess.run(self._shell(text), **self._as_reader(), capture_output=True, text=True, timeout=LIMIT)
        told = f"{text}\ncode {ended.returncode}\n{ended.stdout}\n{ended.stderr}"
        assert ended.returncode == 0, told
        assert missing(shown.output, ended.stdout, only_keys=only_keys) == [], told
        self.said += ended.stdout
        self._remember(text, ended.stdout)

    def prepare(self, text: str) -> None:
        """A command that the page does not show."""
        subprocess.run(self._shell(text), **self._as_reader(), check=True, capture_output=True, timeout=LIMIT)

    def start(self, text: str) -> None:
        if "jitney up" in text:
            self.environ.pop("JITNEY_REDIS_URL", None)  # it brings a broker
        output = self.directory / f"service-{len(self.services)}"
        with output.open("wb") as sink:
            how = {**self._as_reader(), "stdout": sink, "stderr": subprocess.STDOUT, "start_new_session": True}
            popen = subprocess.Popen(self._shell(as_one_process(text)), **how)
        self.cleanup.enter_context(parent_death_guard(popen.pid))
        service = Service(text=text, popen=popen, output=output)
        self.services.append(service)
        service.wait_ready()
        self._look_at(service)

    def _shell(self, text: str) -> list[str]:
        return ["/bin/bash", "-c", f"set -o pipefail\n{text}"]

    def _as_reader(self) -> dict[str, Any]:
        return {"cwd": self.directory, "env": self.environ, "stdin": subprocess.DEVNULL}

    def _look_at(self, service: Service) -> None:
        """From here on the reader asks what was started last."""
        said = service.said()
        if found := ADDRESS.search(said):
            self.port = int(found[1])
        if found := BROKER.search(said):
            self.environ["JITNEY_REDIS_URL"] = found[1]
        if found := re.search(r"python -m server .*--port (\d+)", service.text):
            self.port = int(found[1])

    def _remember(self, text: str, said: str) -> None:
        if text.startswith("export "):
            name = text.split()[1].partition("=")[0]
            told = self._shell(f'{text}\nprintf %s "${name}"')
            self.environ[name] = subprocess.check_output(told, **self._as_reader(), text=True)
        if text.startswith("jitney keys add"):
            self.environ["KEY"] = said.strip().splitlines()[-1]


@contextlib.contextmanager
def walking(directory: Path, **environ: str) -> Iterator[Walk]:
    """What it starts ends with the block, each with code 0."""
    for name in LINKS:
        (directory / name).symlink_to(ROOT / name)
    (directory / ".venv").symlink_to(sys.prefix)
    inherited = clean_environ()
    path = f"{Path(sys.executable).parent}:{inherited['PATH']}"
    with contextlib.ExitStack() as cleanup:
        walk = Walk(directory=directory, environ={**inherited, "PATH": path, **environ}, cleanup=cleanup)
        try:
            yield walk
            assert [one.text for one in reversed(walk.services) if not one.ends_well()] == []
        finally:
            for one in walk.services:
                one.popen.kill()
                one.popen.wait()
