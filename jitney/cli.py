"""The command `jitney`. Each command imports its work only when it runs, so that `--help` is quick."""

from __future__ import annotations

from typing import Annotated

import typer

from jitney import __version__

app = typer.Typer(
    name="jitney",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help: quick, and the examples below keep their lines
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"jitney {__version__}")
        raise typer.Exit


@app.callback()
def jitney(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Small buses for HTTP requests: dynamic micro-batching for models, brokered by Redis."""


@app.command(short_help="Serve models on this machine.")
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
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="PORT", envvar="JITNEY_PORT", help="0: a free one.")
    ] = 9527,
    host: Annotated[
        str, typer.Option(metavar="HOST", envvar="JITNEY_HOST", help="Where to listen; 0.0.0.0 lets others in.")
    ] = "127.0.0.1",
) -> None:
    """Serve models on this machine: a broker, a batcher a model, and front ends. Ctrl-C ends it all.

    \b
    jitney up
    jitney up --model translation:demo/translation --model classification:demo/classification
    jitney up --model m2m=translation:facebook/m2m100_418M --front-ends 2
    jitney up --model my_models:Shout --port 8000

    \b
    SPEC names what to serve:
      translation:WHERE      an M2M100 checkpoint, WHERE a directory or a hub name
      classification:WHERE   a sequence classifier
      embedding:WHERE        a sentence encoder
      synthetic:10ms+0.5ms   no model: sleeps, and answers with the text reversed
      MODULE:CLASS           a class of yours with a method `forward`

    \b
    The broker is the one that JITNEY_REDIS_URL names, else a private one that goes with us.
    Any other JITNEY_... variable reaches the processes that it concerns.
    It ends with 0 after Ctrl-C, with 1 when the port or the broker cannot be had, with 2 when
    something was asked for that cannot be.
    """
    from jitney.up import run_up

    raise typer.Exit(run_up(model or [], front_ends=front_ends, host=host, port=port))


def main() -> None:
    """The console script."""
    app()
