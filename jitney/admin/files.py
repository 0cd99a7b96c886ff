"""What `jitney doctor` finds of the store of files. A process of the front end's code tries it: we import none."""

from __future__ import annotations

import json
import subprocess
import sys

from jitney.admin.findings import Finding, Mark

SECONDS = 90.0  # that the store may take: object storage is asked again for a while
NO_FRONT_END = "install what a front end has: pip install 'jitney[server,files]'"


def of_files(where: str) -> Finding:
    """Whether front ends with `--files` at this place can keep files there."""
    try:
        command = [sys.executable, "-m", "server.files", where]
        run = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return Finding(
            about="files", mark=Mark.FAIL, said=f"no answer within {SECONDS:g} s", remedy="see to its address"
        )
    try:
        told = json.loads(run.stdout)
        said, remedy = str(told["said"]), str(told["remedy"])
    except (ValueError, KeyError, TypeError):
        said = "it could not be tried from here"
        return Finding(about="files", mark=Mark.FAIL, said=said, remedy=NO_FRONT_END)
    mark = Mark.FAIL if run.returncode else Mark.OK
    return Finding(about="files", mark=mark, said=said, remedy=remedy)
