"""Options that commands have in common."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from broker.settings import NAME, BrokerSettings


def _spelled(namespace: str) -> str:
    if not re.fullmatch(NAME, namespace):
        raise typer.BadParameter(f"{namespace!r} is not spelled as {NAME}")
    return namespace


RedisUrl = Annotated[
    str,
    typer.Option(
        metavar="URL",
        envvar="JITNEY_REDIS_URL",
        help="The broker: redis://, rediss:// or unix://. A password belongs in the variable: others can read flags.",
    ),
]
Namespace = Annotated[
    str,
    typer.Option(
        metavar="NAME", envvar="JITNEY_NAMESPACE", callback=_spelled, help="Which of the broker's deployments."
    ),
]
CacheUrl = Annotated[
    str,
    typer.Option(
        metavar="URL",
        envvar="JITNEY_CACHE_URL",
        help="The cache's server, to be looked at too. A password belongs in the variable.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
REDIS_URL, NAMESPACE = BrokerSettings().redis_url, BrokerSettings().namespace
