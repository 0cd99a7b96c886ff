"""`jitney traffic`, as typer reads it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

import typer

from broker.admin.traffic import parse_shares
from jitney.options import NAMESPACE, REDIS_URL, AsJson, Namespace, RedisUrl


class Sticky(StrEnum):
    """What stays with its revision."""

    CALLER = "caller"


def traffic(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="Of a model.", show_default=False)] = "",
    share: Annotated[
        list[str] | None,
        typer.Argument(metavar="[REVISION=SHARE]…", help="As in 3f0c=10%; again for more.", show_default=False),
    ] = None,
    sticky: Annotated[
        Sticky | None,
        typer.Option(help="What keeps its revision while shares stay. Without: nothing.", show_default=False),
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="No shares: requests go by the room of batchers.")] = False,
    as_json: AsJson = False,
    redis_url: RedisUrl = REDIS_URL,
    namespace: Namespace = NAMESPACE,
) -> None:
    """Show which share of a model's requests each of its revisions is given, or set it.

    \b
    jitney traffic                            (every model that has shares)
    jitney traffic toy                        (the revisions of this one)
    jitney traffic toy 3f0c=10%               (the beginning of a revision will do, where one alone begins so)
    jitney traffic toy 3f0c=10% --sticky caller
    jitney traffic toy --clear

    What is set takes the place of what was. The rest of the requests is spread over the other live revisions by the
    room of their batchers, and so is the share of a revision that does not live. What a revision has no room for
    others get: no caller is refused for a share. With --sticky caller all requests of a key go the same way.
    A request that names a revision (toy@3f0c…, in full) gets that one. Front ends follow within two seconds.

    It ends with 1 when the broker cannot be asked, with 2 for a model, a revision or a share that makes no sense.
    """
    from jitney.traffic.command import run_clear, run_set, run_show

    if (clear or sticky) and not name:
        raise typer.BadParameter("say of which model: jitney traffic NAME …")
    if clear and (share or sticky):
        raise typer.BadParameter("--clear takes all shares away: it goes with no other")
    if sticky and not share:
        raise typer.BadParameter("--sticky goes with shares: jitney traffic NAME REVISION=10% --sticky caller")
    try:
        wanted = parse_shares(share or [])
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if clear:
        raise typer.Exit(run_clear(redis_url, namespace, name, as_json=as_json))
    if wanted:
        kept: Literal["", "caller"] = "caller" if sticky else ""
        raise typer.Exit(run_set(redis_url, namespace, name, wanted, sticky=kept, as_json=as_json))
    raise typer.Exit(run_show(redis_url, namespace, name, as_json=as_json))
