"""What a container has: a root of its own, and this machine's Python where `python:3.11-slim` has one.

No engine is needed, only root's right to mount (`unshare`).
"""

from __future__ import annotations

import functools
import importlib.util
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

SLIM = 130_000_000  # bytes of python:3.11-slim, which these roots take from this machine instead
BASE = {"PATH": "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}
PACKAGES = "var/site-packages"  # of the base: pip alone, as there
USR_MERGED = ("bin", "sbin", "lib", "lib64")
# What makes pip work here, and nothing else, comes from outside: as build machines hand in their proxies.
HANDED_IN = ("PIP_", "SSL_CERT_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")


def build_environ() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith(HANDED_IN)}


def pip_here() -> str:
    """The folder of the pip that runs here, which is compiled already."""
    found = importlib.util.find_spec("pip")
    assert found and found.submodule_search_locations, "there is no pip here"
    return found.submodule_search_locations[0]


@functools.cache
def pip_cache() -> Path:
    """What this machine has fetched already is not fetched again: a build's cache mount."""
    said = subprocess.run([sys.executable, "-m", "pip", "cache", "dir"], capture_output=True, text=True, check=True)
    Path(said.stdout.strip()).mkdir(parents=True, exist_ok=True)
    return Path(said.stdout.strip())


@functools.cache
def missing() -> str:
    """Why no root can be made here; empty when it can."""
    if sys.platform != "linux" or os.getuid() != 0:
        return "only root on Linux may mount"
    if sys.version_info[:2] != (3, 11):
        return "the images have Python 3.11"
    able = subprocess.run(["unshare", "--mount", "--net", "mount", "--bind", "/usr", "/mnt"], capture_output=True)
    return able.stderr.decode(errors="replace").strip()


def new_root(root: Path) -> None:
    """Empty, but for what Debian has."""
    for name in ("usr", "opt", "proc", "dev", "tmp", "run", "var", "root"):
        (root / name).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    for name in USR_MERGED:
        (root / name).symlink_to(f"usr/{name}")
    shutil.copytree("/etc", root / "etc", symlinks=True)
    (root / PACKAGES / "pip").mkdir(parents=True)
    Container(root=root, environ=BASE).run(["ldconfig"])  # else a Debian's libpython comes before that of /usr/local


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """How a process is started in a root: as whom, where, with what."""

    root: Path
    environ: Mapping[str, str]
    workdir: str = "/"
    user: str = "0:0"
    read_only: bool = False
    tmpfs: Sequence[str] = ()
    volumes: Sequence[tuple[Path, str, bool]] = ()  # what, where, whether it is read only
    network: int = 0  # the process whose network it shares; 0: this machine's

    def run(self, command: Sequence[str], timeout: float = 600.0) -> subprocess.CompletedProcess[str]:
        """To its end, with what it said."""
        return subprocess.run(self._argv(command), **self._how(), capture_output=True, text=True, timeout=timeout)

    def start(self, command: Sequence[str], output: Path) -> subprocess.Popen[bytes]:
        with output.open("wb") as sink:
            return subprocess.Popen(
                self._argv(command), **self._how(), stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT
            )

    def _how(self) -> dict[str, object]:
        return {"env": dict(self.environ), "start_new_session": True, "cwd": "/"}

    def _argv(self, command: Sequence[str]) -> list[str]:
        joined = ["/usr/bin/nsenter", f"--net=/proc/{self.network}/ns/net"] if self.network else []
        within = ["/bin/sh", "-ec", 'cd "$0"; exec "$@"', self.workdir, *command]
        entered = f"exec /usr/sbin/chroot --userspec={self.user} {shlex.quote(str(self.root))} {shlex.join(within)}"
        script = "\n".join([*self._mounts(), entered])
        return [*joined, "/usr/bin/unshare", "--mount", "/bin/sh", "-ec", script]

    def _mounts(self) -> list[str]:
        root = shlex.quote(str(self.root))
        lines = [f"/bin/mount --bind {root} {root}", f"cd {root}"]  # `cd`: into what was just mounted
        lines += [f"/bin/mount -o bind,ro /{name} {name}" for name in ("usr", "opt")]
        lines += [f"/bin/mount -o bind,ro {shlex.quote(sys.base_prefix)} usr/local"]
        lines += [f"/bin/mount -o bind,ro {shlex.quote(pip_here())} {PACKAGES}/pip"]
        lines += [f"/bin/mount --rbind {PACKAGES} usr/local/lib/python3.11/site-packages"]
        lines += ["/bin/mount --rbind /dev dev", "/bin/mount -t proc proc proc"]
        lines += [f"/bin/mount -t tmpfs -o mode=1777 tmpfs {place.lstrip('/')}" for place in self.tmpfs]
        for source, target, read_only in self.volumes:
            if source.is_dir():
                (self.root / target.lstrip("/")).mkdir(parents=True, exist_ok=True)
            options = "bind,ro" if read_only else "bind"
            lines.append(f"/bin/mount -o {options} {shlex.quote(str(source))} {target.lstrip('/')}")
        return lines + ([f"/bin/mount -o remount,bind,ro {root}"] if self.read_only else [])


LOOPBACK_UP = """
import fcntl, signal, socket, struct
fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sh", b"lo", 0x41))  # SIOCSIFFLAGS: up and running
print(flush=True)
signal.pause()
"""


@dataclass(slots=True, kw_only=True)
class Network:
    """Where ports are free and nobody outside is reached: a loopback alone."""

    holder: subprocess.Popen[bytes] = field(init=False)

    def __enter__(self) -> int:
        self.holder = subprocess.Popen(
            ["unshare", "--net", sys.executable, "-c", LOOPBACK_UP],
            stdout=subprocess.PIPE,
        )
        assert self.holder.stdout and self.holder.stdout.readline(), "no network of its own"
        return self.holder.pid

    def __exit__(self, *_: object) -> None:
        self.holder.send_signal(signal.SIGKILL)
        self.holder.wait()
        assert self.holder.stdout
        self.holder.stdout.close()
