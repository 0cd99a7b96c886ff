"""The commands of `jitney keys`, as typer reads them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from broker.common.durations import parse_duration
from broker.credentials.credential import HEAVIEST, RIGHTS
from broker.messages import Lane
from jitney.options import NAMESPACE, REDIS_URL, AsJson, Namespace, RedisUrl

keys = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Id = Annotated[str, typer.Argument(metavar="ID", help="As list shows it.")]
File = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Of --api-keys FILE, in place of the broker: a line a key, no secrets.", show_default=False
    ),
]


def _seconds(text: str) -> float:
    try:
        return parse_duration(text) if text else 0.0
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").split())


@keys.callback()
def api_keys() -> None:
    """API keys: who may call front ends that are started with --api-keys on, or with --api-keys FILE.

    Only a hash of each is kept: whoever loses a key needs another. Front ends see a change within two seconds.
    """


@keys.command(short_help="Make one, and print it.")
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose it is, for people.")],
    weight: Annotated[
        int, typer.Option(min=1, max=HEAVIEST, metavar="N", help="How much it gets beside others while all wait.")
    ] = 1,
    limits: Annotated[
        str,
        typer.Option(
            metavar="LIMITS",
            help="At most: 600 jobs/min, 200000 tokens/min, 4 at once, 50000 jobs/day.",
            show_default="none",
        ),
    ] = "",
    models: Annotated[str, typer.Option(metavar="MODELS", help="Names, with * and ?, by commas.")] = "*",
    lanes: Annotated[str, typer.Option(metavar="LANES", help="By commas.")] = ",".join(Lane),
    rights: Annotated[
        str,
        typer.Option(
            metavar="RIGHTS",
            help=f"Of {', '.join(RIGHTS)}; history: what is kept of its requests, with admin of everybody's; "
            "admin: everybody's predictions and files, and internals.",
        ),
    ] = "infer,files",
    expires: Annotated[str, typer.Option(metavar="TIME", help="In 30d, 12h, 90min.", show_default="never")] = "",
    file: File = None,
    redis_url: RedisUrl = REDIS_URL,
    namespace: Namespace = NAMESPACE,
) -> None:
    """Make a key, and print it: it is shown this once. What is said about it goes to the error output.

    \b
    jitney keys add alice
    jitney keys add nightly --lanes bulk --limits "200000 tokens/min" --weight 2 --expires 90d
    jitney keys add alice > alice.key
    jitney keys add alice --file keys.jsonl      (then --api-keys keys.jsonl, as from a mounted Secret)
    """
    from jitney.keys.commands import run_add, store

    until = _seconds(expires)
    allowed = {
        "name": name,
        "weight": weight,
        "limits": limits,
        "models": _words(models),
        "lanes": _words(lanes),
        "rights": _words(rights),
        "expires": time.time() + until if until else 0.0,
    }
    raise typer.Exit(run_add(store(file, redis_url, namespace), allowed))


@keys.command("list", short_help="Show them, without their secrets.")
def list_keys(
    as_json: AsJson = False, file: File = None, redis_url: RedisUrl = REDIS_URL, namespace: Namespace = NAMESPACE
) -> None:
    """Show all keys: ids, names and what they allow. No secret is kept, so none is shown."""
    from jitney.keys.commands import run_list, store

    raise typer.Exit(run_list(store(file, redis_url, namespace), as_json=as_json))


@keys.command(short_help="Let one in no more.")
def revoke(id: Id, file: File = None, redis_url: RedisUrl = REDIS_URL, namespace: Namespace = NAMESPACE) -> None:
    """Forget a key. Its next request is refused within two seconds; what is under way ends.

    It ends with 1 when there is no such key.
    """
    from jitney.keys.commands import run_revoke, store

    raise typer.Exit(run_revoke(store(file, redis_url, namespace), id))


@keys.command(short_help="Give it another secret, and print that.")
def rotate(
    id: Id,
    grace: Annotated[
        str, typer.Option(metavar="TIME", help="So long the one before counts too: 24h, 30min; 0s: no longer.")
    ] = "24h",
    file: File = None,
    redis_url: RedisUrl = REDIS_URL,
    namespace: Namespace = NAMESPACE,
) -> None:
    """Give a key another secret, and print the new key. It keeps its id, its limits and its predictions.

    \b
    jitney keys rotate fo2ykq7wm3xa
    jitney keys rotate fo2ykq7wm3xa --grace 0s   (it has leaked)
    """
    from jitney.keys.commands import run_rotate, store

    raise typer.Exit(run_rotate(store(file, redis_url, namespace), id, _seconds(grace)))
