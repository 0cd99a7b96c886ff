"""The console script. What asks a model begins at once; typer, which all else uses, takes a while to import."""

from __future__ import annotations

import gc
import os
import sys

from jitney.ask import COMMANDS

UNREAD = 141  # exit code of whatever writes to a reader that has gone: 128 + SIGPIPE


def main() -> None:
    if sys.argv[1:2] and sys.argv[1] in COMMANDS:
        # All is written and closed: taking the interpreter apart would only cost time, an eighth of the command's.
        os._exit(_ask(sys.argv[1:]))
    from jitney.cli import main

    main()


def _ask(arguments: list[str]) -> int:
    gc.set_threshold(50_000)  # what is imported stays: to look through it ever again would take a tenth of the time
    from jitney.ask.cli import main

    try:
        code = main(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        code = UNREAD
    except OSError as error:
        code = 1
        print(f"jitney: this cannot be written: {error.strerror}", file=sys.stderr)
    return code
