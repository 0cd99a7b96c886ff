"""The command `jitney`: a table. Each command imports its work only when it runs, so that `--help` is quick."""

from __future__ import annotations

import io
import os
import sys
from typing import Annotated, Any

import typer

from broker.common.masking import masked
from broker.common.output import replace_letters
from jitney import __version__
from jitney.admin.cli import default_model, doctor, status
from jitney.ask import COMMANDS
from jitney.batch.cli import batch
from jitney.dead.cli import dead
from jitney.history.cli import history, report
from jitney.keys.cli import keys
from jitney.main import UNREAD
from jitney.traffic.cli import traffic
from jitney.up.cli import new_model, up

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


def ask(context: typer.Context) -> None:
    """Only `jitney --help` and whoever begins here come by: see `jitney.main`."""
    from jitney.ask.cli import main

    raise typer.Exit(main([str(context.info_name), *context.args]))


app.command(short_help="Serve models on this machine.")(up)
app.command("new-model", short_help="Write a model of your own to begin with.")(new_model)
app.command(short_help="Show what the broker holds.")(status)
for name, said in COMMANDS.items():
    as_it_is = {"ignore_unknown_options": True, "allow_extra_args": True}
    app.command(name, short_help=said, context_settings=as_it_is, add_help_option=False)(ask)
app.command(short_help="Send a file of rows through an endpoint.")(batch)
app.add_typer(dead, name="dead", short_help="List or drop dead letters.")
app.add_typer(keys, name="keys", short_help="Give out API keys, change and revoke them.")
app.add_typer(history, name="history", short_help="Keep what became of each record, and erase it.")
app.command(short_help="Show what the history says.")(report)
app.command("default", short_help="Show or choose which model answers when none is named.")(default_model)
app.command(short_help="Show or set which share of a model's requests a revision gets.")(traffic)
app.command(short_help="Find out what is wrong with the broker.")(doctor)

# typer has its own copy of click, whose UsageError it exports only as this base class.
UsageError: Any = typer.BadParameter.__base__


def main() -> None:
    """What `jitney` does where typer reads the arguments."""
    replace_letters()
    try:
        code = app(standalone_mode=False)
        sys.stdout.flush()
    except UsageError as error:
        code = _refuse(error)
    except typer.Abort:
        code = 1
    except BrokenPipeError:  # `jitney status | head -1`
        code = UNREAD
    except SystemExit as error:  # typer turns a broken pipe into one
        code = UNREAD if isinstance(error.__context__, BrokenPipeError) else error.code
    except OSError as error:
        code = 1
        print(f"jitney: this cannot be written: {error.strerror}", file=sys.stderr)
    if code:
        _forget_unwritten()
    sys.exit(code)


def _forget_unwritten() -> None:
    """Keep the interpreter from writing the rest at exit, where it would complain a second time."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _refuse(error: Any) -> int:
    """Say what is wrong with an argument, or with the variable that it came from; never a password."""
    param = getattr(error, "param", None)
    source = error.ctx.get_parameter_source(param.name) if error.ctx and param else None
    if param and source is not None and source.name == "ENVIRONMENT":
        error.param_hint = param.envvar
    said = io.StringIO()
    error.show(said)
    print(masked(said.getvalue()), end="", file=sys.stderr)
    return int(error.exit_code)
