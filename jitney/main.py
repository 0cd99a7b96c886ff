"""The console script. What asks a model begins at once; typer, which all else uses, takes a while to import."""

from __future__ import annotations

import os
import sys

from jitney.ask import COMMANDS

UNREAD = 141  # exit code of whatever writes to a reader that has gone: 128 + SIGPIPE


def main() -> None:
    if sys.argv[1:2] and sys.argv[1] in COMMANDS:
        sys.exit(_ask(sys.argv[1:]))
    from jitney.cli import main

    main()


def _ask(arguments: list[str]) -> int:
    from jitney.ask.cli import main

    try:
        code = main(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        code = UNREAD
    except OSError as error:
        code = 1
        print(f"jitney: this cannot be written: {error.strerror}", file=sys.stderr)
    if code:
        forget_unwritten()
    return code


def forget_unwritten() -> None:
    """Keep the interpreter from writing the rest at exit, where it would complain a second time."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
