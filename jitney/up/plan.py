"""What `jitney up` starts, as a table. Pure: no process, no socket."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from broker.common.tasks import TASKS

NAMED = re.compile(r"(?P<name>[a-z0-9][a-z0-9._-]*)=(?P<spec>.+)")  # a '=' after a ':' belongs to the spec
DEMO = (
    ("translation", "demo/translation"),
    ("classification", "demo/classification"),
    ("image-classification", "demo/image_classification"),
)
PYTHON = (sys.executable, "-m")
SYNTHETIC = "synthetic:10ms+0.5ms"
KINDS = frozenset({"synthetic", *TASKS})  # what a spec begins with that names no module


class UsageError(Exception):
    """What was asked for cannot be; the message says what can."""


class Role(StrEnum):
    """In the order in which they end: nothing new comes in, what is held is finished, the broker sees it all out."""

    FRONT_END = "front end"
    HISTORY = "history"
    BATCHER = "batcher"
    BROKER = "broker"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """One `--model [NAME=]SPEC`."""

    name: str
    spec: str

    @property
    def module(self) -> str:
        """Of an own model, `module:Class`; "" for any other."""
        kind, _, where = self.spec.partition(",")[0].strip().partition(":")
        is_own = kind not in KINDS and where.isidentifier() and all(part.isidentifier() for part in kind.split("."))
        return kind if is_own else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSpec:
    """One process to start: how, and what to call it."""

    title: str
    role: Role
    command: Sequence[str]
    environ: Mapping[str, str] = field(default_factory=dict)  # beats ours
    fallback: Mapping[str, str] = field(default_factory=dict)  # where ours says nothing
    metrics_port: int = 0
    model: str = ""  # the name that a batcher serves
    module: str = ""  # where its class is, for a model of one's own
    directory: Path | None = None  # goes with it when we die hard


def read_models(texts: Iterable[str]) -> list[ModelSpec]:
    """The models asked for. The same one twice is two batchers that share its jobs. Raises `UsageError`."""
    models = [read_model(text) for text in texts]
    called: dict[str, str] = {}
    for model in models:
        if called.setdefault(model.name, model.spec) != model.spec:
            raise UsageError(f"two models would be called {model.name!r}; name one of them: --model NAME={model.spec}")
    return models


def read_model(text: str) -> ModelSpec:
    """`[NAME=]SPEC`; without a name it is called after its last word, as batchers do. Raises `UsageError`."""
    named = NAMED.fullmatch(text)
    if named:
        return ModelSpec(name=named["name"], spec=named["spec"])
    name = own_name(text)
    if not name:
        raise UsageError(f"--model {text!r}: write KIND:WHERE, as in translation:DIRECTORY, or MODULE:CLASS")
    return ModelSpec(name=name, spec=text)


def own_name(spec: str) -> str:
    """`translation:facebook/m2m100_418M,dtype=bf16` → `m2m100_418m`; `my_models:Shout` → `shout`."""
    head, *options = spec.split(",")
    kind, _, where = head.strip().partition(":")
    chosen = [option.partition("=")[2] for option in options if option.strip().startswith("name=")]
    last = kind if kind == "synthetic" else re.split("[/:]", where.rstrip("/"))[-1]
    return re.sub(r"[^a-z0-9._-]+", "-", (chosen or [last])[-1].strip().lower())


def default_models(here: Path) -> list[ModelSpec]:
    """The demo models where `here` has them, else the one that needs no weights."""
    found = [read_model(f"{kind}:{path}") for kind, path in DEMO if (here / path).is_dir()]
    return found or [read_model(SYNTHETIC)]


def broker_child(command: Sequence[str], directory: Path) -> ChildSpec:
    """The private broker. It comes back empty; front ends then push again what they wait for."""
    return ChildSpec(title="broker", role=Role.BROKER, command=command, directory=directory)


def children(
    models: Sequence[ModelSpec],
    front_ends: int,
    host: str,
    port: int,
    redis_url: str,
    free_port: Callable[[], int],
    *,
    is_verbose: bool = False,
    reloads: bool = False,
    history: str = "",
) -> list[ChildSpec]:
    """The table of processes: batchers, who writes the history where there is a database for it, then front ends that
    share one port."""
    # By environment, not by flag: a URL may hold a password, and everybody may read a process's arguments.
    environ = {"JITNEY_REDIS_URL": redis_url, **({"JITNEY_LOG_LEVEL": "info"} if is_verbose else {})}
    quiet = {"JITNEY_LOG_LEVEL": "warning"}  # what goes well is for whoever asks
    # Python takes a compiled file for current when time, in whole seconds, and size are the source's: two quick saves
    # of a letter each would be one.
    uncompiled = {"PYTHONDONTWRITEBYTECODE": "1"} if reloads else {}
    kept = {"JITNEY_HISTORY": "on", "JITNEY_HISTORY_DATABASE": history} if history else {}
    behind = [
        ChildSpec(
            title=title,
            role=Role.BATCHER,
            command=(*PYTHON, "batcher", "--model", model.spec, "--name", model.name),
            environ=environ,
            fallback={**quiet, **(uncompiled if model.module else {})},
            metrics_port=free_port(),
            model=model.name,
            module=model.module,
        )
        for title, model in zip(_titles(models), models, strict=True)
    ]
    if history:
        writer = ChildSpec(
            title="history",
            role=Role.HISTORY,
            command=(*PYTHON, "history"),
            environ=environ | kept,
            fallback=quiet,
            metrics_port=free_port(),
        )
        behind.append(writer)
    return behind + [
        ChildSpec(
            title=f"front end {number}",
            role=Role.FRONT_END,
            command=(*PYTHON, "server", "--host", host, "--port", str(port), "--reuse-port", "on"),
            environ=environ | kept,
            # No load balancer has to notice that we end: Ctrl-C need not wait for it.
            fallback={"JITNEY_DRAIN_SECONDS": "0", **quiet},
            metrics_port=free_port(),
        )
        for number in range(1, front_ends + 1)
    ]


def _titles(models: Sequence[ModelSpec]) -> list[str]:
    names = [model.name for model in models]
    twice = {name for name in names if names.count(name) > 1}
    return [
        f"batcher {name} {names[: at + 1].count(name)}" if name in twice else f"batcher {name}"
        for at, name in enumerate(names)
    ]
