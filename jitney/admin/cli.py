"""`jitney status`, `default` and `doctor`, as typer reads them."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from broker.admin.rights import Role
from broker.settings import NAME
from jitney.options import NAMESPACE, REDIS_URL, AsJson, CacheUrl, Namespace, RedisUrl


def status(
    every: Annotated[
        float | None,
        typer.Argument(metavar="SECONDS", min=0.1, help="With --watch: between looks; else 2.", show_default=False),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Look again and again, until Ctrl-C.")] = False,
    as_json: AsJson = False,
    cache_url: CacheUrl = "",
    redis_url: RedisUrl = REDIS_URL,
    namespace: Namespace = NAMESPACE,
) -> None:
    """Show what the broker holds: queues, leases, batchers, callers, dead letters, and what somebody should look at.

    \b
    jitney status
    jitney status --watch 5
    jitney status --json
    JITNEY_REDIS_URL=rediss://operator:password@broker:6380 jitney status

    \b
    JOBS and TOKENS wait; OLDEST is the age of the one at the head.
    LIVE batchers serve the model. LEASES are batches that they have claimed, with so many JOBS;
    STAGED ones have not started. After EXPIRY others take an unfinished batch back.
    SUSPECTS are jobs whose batch crashed; DEAD ones did so three times.
    Where there are API keys: which LIST of a lane holds jobs, and of each CALLER what is LEFT of its limits
    and how many requests they REFUSED. WAITING are the jobs of its list, which others may share.

    It ends with 1 when the broker cannot be asked; with --watch it waits for it instead.
    """
    from jitney.admin.watch import run_status

    if every is not None and not watch:
        raise typer.BadParameter(f"to look every {every:g} s say --watch {every:g}")
    pause = (every or 2.0) if watch else None
    raise typer.Exit(run_status(redis_url, namespace, cache_url, every=pause, as_json=as_json))


def default_model(
    task: Annotated[str, typer.Argument(metavar="[TASK", show_default=False)] = "",
    name: Annotated[str, typer.Argument(metavar="MODEL]", show_default=False)] = "",
    as_json: AsJson = False,
    redis_url: RedisUrl = REDIS_URL,
    namespace: Namespace = NAMESPACE,
) -> None:
    """Show which model answers for each task when a request names none, or choose another.

    \b
    jitney default
    jitney default embedding minilm

    It is the model that was there first, and it stays the one, also while it is away: another's answers
    would look the same and mean something else. Choose another when it does not come back. Front ends
    started with --default-models follow that instead.
    """
    from jitney.admin.default import run_default

    if bool(task) != bool(name):
        raise typer.BadParameter("say both, a task and the model: jitney default embedding minilm")
    if name and not re.fullmatch(NAME, name):
        raise typer.BadParameter(f"{name!r} is not spelled as {NAME}")
    raise typer.Exit(run_default(redis_url, namespace, task, name, as_json=as_json))


def doctor(
    role: Annotated[
        list[Role] | None,
        typer.Option(help="Whom this user must be able to act as; again for more. Without: any.", show_default=False),
    ] = None,
    files: Annotated[
        str,
        typer.Option(
            metavar="WHERE",
            envvar="JITNEY_FILES",
            help="Try this store of files too: a directory, or s3://bucket/prefix.",
        ),
    ] = "",
    api_keys: Annotated[
        str,
        typer.Option(
            metavar="on|off|FILE",
            envvar="JITNEY_API_KEYS",
            help="What front ends are started with: whether there are keys, and whether the file can be read.",
            show_default=False,
        ),
    ] = "",
    cache_url: CacheUrl = "",
    history_database: Annotated[
        str,
        typer.Option(
            metavar="WHERE",
            envvar="JITNEY_HISTORY_DATABASE",
            help="Read the history's database too. A password belongs in the variable.",
            show_default=False,
        ),
    ] = "",
    as_json: AsJson = False,
    redis_url: RedisUrl = REDIS_URL,
    namespace: Namespace = NAMESPACE,
) -> None:
    """Look at what the broker, and what stands beside it, must be and allow; each failure comes with its remedy.

    \b
    jitney doctor
    JITNEY_REDIS_URL=redis://jitney-batcher:password@broker:6379 jitney doctor --role batcher
    jitney doctor --api-keys on               (or the file that front ends are given)
    JITNEY_CACHE_URL=redis://:password@cache:6379 jitney doctor

    It changes nothing; in a store of files and on the cache's server it puts a probe, and removes it. It ends with 0
    when nothing fails, warnings aside, else with 1.
    """
    from jitney.admin.doctor import StartedWith, run_doctor

    told = StartedWith(files=files, api_keys=api_keys, cache_url=cache_url, history_database=history_database)
    raise typer.Exit(run_doctor(redis_url, namespace, roles=role or [], as_json=as_json, started_with=told))
