"""When this process dies, however hard, its child ends too."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

# The shell holds the other end of a pipe from us. A line means that the child needs no guard any more; the end of the
# file without one means that we are gone. Linux could tell the child itself (PR_SET_PDEATHSIG), but that runs Python
# between fork and exec, fires when the forking *thread* ends, cannot tidy up, and is Linux only.
WATCH = """
read -r word && exit
kill -TERM "$1"
left=$2
while [ "$left" -gt 0 ] && kill -0 "$1"; do sleep 1; left=$((left - 1)); done
kill -KILL "$1"
[ -z "$3" ] || rm -rf -- "$3"
"""


@contextlib.contextmanager
def parent_death_guard(pid: int, *, grace: int = 2, remove: Path | None = None) -> Iterator[None]:
    """Within the block: should this process vanish, `pid` gets SIGTERM, `grace` seconds later SIGKILL.

    The directory `remove` goes with it. Leaving the block takes the guard off and touches nothing.
    """
    command = ["/bin/sh", "-c", WATCH, "jitney-guard", str(pid), str(grace), str(remove or "")]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C, and a SIGKILL to our whole group, pass it by
    ) as watcher:
        try:
            yield
        finally:
            with contextlib.suppress(BrokenPipeError):  # somebody ended the watcher: there is no guard to take off
                watcher.communicate(b"done\n")
