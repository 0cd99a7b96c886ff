"""The commands of `jitney dead`, as typer reads them."""

from __future__ import annotations

from typing import Annotated

import typer

from jitney.options import NAMESPACE, REDIS_URL, AsJson, Namespace, RedisUrl

dead = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Model = Annotated[
    str, typer.Option(metavar="MODEL", help="Only of this model: NAME, or NAME@REVISION.", show_default=False)
]


@dead.callback()
def dead_letters() -> None:
    """Dead letters: jobs that crashed a batcher three times. Their callers were told; nobody waits for them."""


@dead.command("list", short_help="Show them, newest last.")
def list_dead(
    model: Model = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, metavar="N", help="The newest of each model.")] = 50,
    as_json: AsJson = False,
    redis_url: RedisUrl = REDIS_URL,
    namespace: Namespace = NAMESPACE,
) -> None:
    """Show dead letters, newest last: the job's id, how often it crashed, when it came, how large it was.

    What the client wrote is never shown. The broker keeps the last thousand of each model.
    """
    from jitney.dead.command import run_list

    raise typer.Exit(run_list(redis_url, namespace, model=model, limit=limit, as_json=as_json))


@dead.command("drop", short_help="Forget them.")
def drop_dead(
    job: Annotated[list[str] | None, typer.Argument(metavar="JOB", help="Ids, as list shows them.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    model: Model = "",
    as_json: AsJson = False,
    redis_url: RedisUrl = REDIS_URL,
    namespace: Namespace = NAMESPACE,
) -> None:
    """Forget dead letters, for good.

    \b
    jitney dead drop 0f3c…            (the whole id)
    jitney dead drop --all --model translation

    It ends with 1 when an id is not there; the others are dropped all the same.
    """
    from jitney.dead.command import run_drop

    if bool(job) == every:
        raise typer.BadParameter("name jobs by their ids, or say --all")
    if every and as_json and not yes:
        raise typer.BadParameter("a program is not asked: with --all --json say --yes too")

    def is_sure(count: int) -> bool:
        return yes or count == 0 or typer.confirm(f"drop {count} dead letters for good?", err=True)

    raise typer.Exit(run_drop(redis_url, namespace, job or [], model=model, is_sure=is_sure, as_json=as_json))
