"""`jitney up` and `jitney new-model`, as typer reads them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from broker.common.output import never_fail


def up(
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]SPEC",
            help="A model to serve; again for more. Without one: the demo models, or a synthetic one.",
            show_default=False,
        ),
    ] = None,
    front_ends: Annotated[int, typer.Option(min=1, max=64, metavar="N", help="How many share the port.")] = 1,
    cache_bytes: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="BYTES",
            envvar="JITNEY_CACHE_BYTES",
            help="Of answers that each front end keeps for records that come again; 0: none.",
        ),
    ] = 0,
    cache_url: Annotated[
        str,
        typer.Option(
            metavar="URL",
            envvar="JITNEY_CACHE_URL",
            help="A server where front ends share them. A password belongs in the variable.",
            show_default=False,
        ),
    ] = "",
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="PORT", envvar="JITNEY_PORT", help="0: a free one.")
    ] = 9527,
    host: Annotated[
        str, typer.Option(metavar="HOST", envvar="JITNEY_HOST", help="Where to listen; 0.0.0.0 lets others in.")
    ] = "127.0.0.1",
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show what goes well, too: a line on batches every few seconds.")
    ] = False,
    reloads: Annotated[
        bool, typer.Option("--reload", help="Start again what a change of files concerns, and nothing else.")
    ] = False,
    history: Annotated[
        bool, typer.Option("--history", envvar="JITNEY_HISTORY", help="Keep what became of each record.")
    ] = False,
    history_database: Annotated[
        str,
        typer.Option(
            metavar="WHERE",
            envvar="JITNEY_HISTORY_DATABASE",
            help="With --history: postgresql://…, sqlite:///PATH or a path. A password belongs in the variable.",
        ),
    ] = "jitney-history.db",
) -> None:
    """Serve models on this machine: a broker, a batcher a model, and front ends. Ctrl-C ends it all.

    \b
    jitney up
    jitney up --model translation:demo/translation --model classification:demo/classification
    jitney up --model m2m=translation:facebook/m2m100_418M --front-ends 2
    jitney up --model my_models:Shout --port 8000 --reload

    \b
    SPEC names what to serve:
      translation:WHERE           an M2M100 or NLLB-200 checkpoint, WHERE a directory or a hub name
      classification:WHERE        a sequence classifier
      zero-shot:WHERE             an NLI classifier: labels come with the request
      embedding:WHERE             a sentence encoder
      rerank:WHERE                a cross-encoder: how well texts answer a query
      image-classification:WHERE  a classifier of pictures
      synthetic:10ms+0.5ms        no model: sleeps, and answers with the text reversed
      MODULE:CLASS                a class of yours with a method `forward`

    \b
    The broker is the one that JITNEY_REDIS_URL names, else a private one that goes with us.
    Any other JITNEY_... variable reaches the processes that it concerns.
    With --reload a model of yours is started again when its module changes, or what that imports from
    beside it; front ends when Jitney's own do. No other model is loaded again for that.
    What dies is started again, sooner or later; what can never start is said, and the others go on.
    It ends with 0 after Ctrl-C, with 1 when the port or the broker cannot be had, with 2 when
    something was asked for that cannot be: at once if nothing is left to serve, else after Ctrl-C.
    """
    from jitney.up.command import run_up

    # By environment, which the front ends have from us: a URL may hold a password.
    os.environ |= {"JITNEY_CACHE_BYTES": str(cache_bytes), "JITNEY_CACHE_URL": cache_url}
    never_fail()
    how = {"is_verbose": verbose, "reloads": reloads}
    place = history_database if history else ""
    raise typer.Exit(run_up(model or [], front_ends=front_ends, host=host, port=port, history=place, **how))


def new_model(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the module, as in word_count.")],
    directory: Annotated[Path, typer.Option(metavar="DIRECTORY", help="Where to write it.")] = Path(),
) -> None:
    """Write a model of your own to begin with: ten lines, and a test. Then the commands for both are shown.

    \b
    jitney new-model word_count
    python -m pytest test_word_count.py
    jitney up --model word_count:WordCount --reload

    It ends with 1 where one of the files exists, and writes none; with 2 for what cannot be a module's name,
    or is one of an installed module.
    """
    from jitney.new_model import run_new_model

    raise typer.Exit(run_new_model(name, directory))
