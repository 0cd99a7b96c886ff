"""The command `jitney`. Each command imports its work only when it runs, so that `--help` is quick."""

from __future__ import annotations

import io
import os
import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from broker.admin.rights import Role
from broker.common.masking import masked
from broker.common.output import never_fail, replace_letters
from broker.settings import NAME
from jitney import __version__
from jitney.ask import COMMANDS
from jitney.batch.cli import batch
from jitney.history.cli import history, report
from jitney.keys.cli import keys
from jitney.main import UNREAD
from jitney.options import NAMESPACE, REDIS_URL, AsJson, CacheUrl, Namespace, RedisUrl
from jitney.traffic.cli import traffic

app = typer.Typer(
    name="jitney",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help: quick, and the examples below keep their lines
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


Model = Annotated[
    str, typer.Option(metavar="MODEL", help="Only of this model: NAME, or NAME@REVISION.", show_default=False)
]


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


@app.command("new-model", short_help="Write a model of your own to begin with.")
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


@app.command(short_help="Show what the broker holds.")
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


def ask(context: typer.Context) -> None:
    """Only `jitney --help` and whoever begins here come by: see `jitney.main`."""
    from jitney.ask.cli import main

    raise typer.Exit(main([str(context.info_name), *context.args]))


for name, said in COMMANDS.items():
    as_it_is = {"ignore_unknown_options": True, "allow_extra_args": True}
    app.command(name, short_help=said, context_settings=as_it_is, add_help_option=False)(ask)
app.command(short_help="Send a file of rows through an endpoint.")(batch)


dead = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
app.add_typer(dead, name="dead", short_help="List or drop dead letters.")


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
    from jitney.admin.dead import run_list

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
    from jitney.admin.dead import run_drop

    if bool(job) == every:
        raise typer.BadParameter("name jobs by their ids, or say --all")
    if every and as_json and not yes:
        raise typer.BadParameter("a program is not asked: with --all --json say --yes too")

    def is_sure(count: int) -> bool:
        return yes or count == 0 or typer.confirm(f"drop {count} dead letters for good?", err=True)

    raise typer.Exit(run_drop(redis_url, namespace, job or [], model=model, is_sure=is_sure, as_json=as_json))


app.add_typer(keys, name="keys", short_help="Give out API keys, change and revoke them.")
app.add_typer(history, name="history", short_help="Keep what became of each record, and erase it.")
app.command(short_help="Show what the history says.")(report)


@app.command("default", short_help="Show or choose which model answers when none is named.")
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


app.command(short_help="Show or set which share of a model's requests a revision gets.")(traffic)


@app.command(short_help="Find out what is wrong with the broker.")
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
