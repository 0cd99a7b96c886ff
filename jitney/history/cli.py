"""The commands of `jitney history`, and `jitney report`, as typer reads them."""

from __future__ import annotations

from typing import Annotated

import typer

from broker.common.durations import parse_duration
from history.views import REPORTS
from jitney.options import NAMESPACE, REDIS_URL, Namespace, RedisUrl

STDIN = "<stdin>"  # as Python calls it
history = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Database = Annotated[
    str,
    typer.Option(
        "--history-database",
        metavar="WHERE",
        envvar="JITNEY_HISTORY_DATABASE",
        help="postgresql://…, sqlite:///PATH or a path. A password belongs in the variable: others can read flags.",
        show_default=False,
    ),
]


@history.callback()
def kept() -> None:
    """The history: what became of each record, kept in PostgreSQL or SQLite where front ends run with --history on."""


@history.command(
    "run",
    short_help="Write what front ends bring into the database.",
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    add_help_option=False,  # its settings are a table, which says it all
)
def run(context: typer.Context) -> None:
    from history.__main__ import main

    raise typer.Exit(main(context.args, prog="jitney history run"))


@history.command("erase", short_help="Delete what is kept of a key, or of an input.")
def erase(
    database: Database,
    key: Annotated[str, typer.Option(metavar="ID", help="Of this key, whether it is still known or not.")] = "",
    input: Annotated[
        typer.FileBinaryRead | None,
        typer.Option(metavar="FILE", help="Of this text or picture; - reads it from standard input."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    redis_url: RedisUrl = REDIS_URL,
    namespace: Namespace = NAMESPACE,
) -> None:
    """Delete what is kept of a key, or of an input, for good.

    \b
    jitney history erase --key fo2ykq7wm3xa
    jitney history erase --input - < text.txt

    It waits until the writer has written what waits at the broker, counts, asks, and deletes; with --input - it asks at
    the terminal, and where there is none it takes --yes. Inputs that are kept as hashes are found with the
    JITNEY_HASH_SECRET of the front ends. What is answered from now on is kept again, and what front ends have not
    brought to the broker yet comes later: it takes them a tenth of a second, minutes after the broker was away. Wait,
    and say it again. It ends with 1 where not all of it is gone, or nobody can tell: then say it again, too.
    """
    from history.reading.queries import Selection
    from jitney.history import erase as erasing

    if bool(key) == (input is not None):
        raise typer.BadParameter("say --key ID or --input FILE")
    try:
        selection = erasing.of_input(input.read()) if input is not None else Selection(caller=key)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--input") from None

    def is_sure(rows: int) -> bool:
        return yes or rows == 0 or erasing.is_sure(rows, is_stdin_read=getattr(input, "name", "") == STDIN)

    raise typer.Exit(erasing.run_erase(database, selection, url=redis_url, namespace=namespace, is_sure=is_sure))


def report(
    database: Database,
    name: Annotated[
        str, typer.Argument(metavar="[REPORT]", help=f"Only this one: {', '.join(REPORTS)}.", show_default=False)
    ] = "",
    since: Annotated[str, typer.Option(metavar="TIME", help="Of the last 7d, 12h, 90min.")] = "7d",
    model: Annotated[str, typer.Option(metavar="NAME", help="Only of this model.", show_default=False)] = "",
    as_csv: Annotated[bool, typer.Option("--csv", help="One report, as CSV.")] = False,
) -> None:
    """Show what the history says: answers, latency, errors, keys, and what came from the cache.

    \b
    jitney report
    jitney report latency --since 24h --model demo
    jitney report errors --csv > errors.csv

    It ends with 1 when the database cannot be asked.
    """
    from jitney.history.report import run_report

    if name and name not in REPORTS:
        raise typer.BadParameter(f"there is no report {name!r}, but {', '.join(REPORTS)}")
    if as_csv and not name:
        raise typer.BadParameter(f"--csv takes one report: {', '.join(REPORTS)}")
    try:
        seconds = parse_duration(since)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--since") from None
    raise typer.Exit(run_report(database, name, since=seconds, model=model, as_csv=as_csv))
