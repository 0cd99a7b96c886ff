"""From a spec such as `translation:facebook/m2m100_418M,dtype=bf16` to the model it names."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NoReturn

from batcher.engines.engine import Engine
from batcher.models import settings as settings_
from batcher.models.about import check_about
from batcher.models.contract import About, Input, Model, Output
from batcher.models.custom.isolation import isolated
from batcher.models.custom.loading import load_custom, source_hash
from batcher.models.errors import ModelSpecError
from batcher.models.settings import ModelSettings, with_options
from batcher.models.synthetic import PassTime, Synthetic

FROM_FILES = ("classification", "embedding", "image-classification", "rerank", "translation", "zero-shot")
KINDS = ("synthetic", *FROM_FILES)
MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
NAME = re.compile(r"[a-z0-9._-]+")
HELP = (
    "a model is synthetic:10ms+0.5ms, classification:WHERE, embedding:WHERE, image-classification:WHERE, rerank:WHERE, "
    "translation:WHERE, zero-shot:WHERE (WHERE is a directory or a hub name, as in "
    "translation:facebook/m2m100_418M), or module:Class; "
    "options follow, as in ,dtype=bf16"
)
OPTIONS = {
    "synthetic": ("name", "faults"),
    "custom": ("name", *settings_.NAMES),
    **{kind: ("name", "revision", *settings_.NAMES) for kind in FROM_FILES},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What `--model` says. `kind` is one of KINDS, or `custom` with `where` as module:Class."""

    text: str
    kind: str
    where: str
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What the model is called where nobody says otherwise: lower-case letters, digits, '.', '_', '-'."""
        return self.options.get("name") or self._own_name()

    def _own_name(self) -> str:
        if self.kind == "synthetic":
            return "synthetic"
        if self.kind == "custom":
            return self.where.rpartition(":")[2].lower()
        path = Path(self.where)
        last = path.name if path.name not in ("", "..") else path.resolve().name
        return re.sub(r"[^a-z0-9._-]+", "-", last.lower()) or self.kind


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A `Model` with all that one may have; `about.revision` is never empty."""

    name: str
    about: About
    forward: Callable[[Sequence[Input]], list[Output]]
    cost: Callable[[Input], int] | None  # tokens; None: a job's own cost counts
    warm_up: Callable[[], None]
    report_to: Callable[[Callable[[], None]], None]
    pads: bool = True  # a forward pass pads its rows to the longest
    example: Input | None = None  # an input that takes as long as any: by it a new batcher learns how fast it is
    in_flight: Callable[..., Engine] | None = None  # makes an engine of its own; None: batch by batch


def parse_spec(text: str) -> Spec:
    """Looks at no file. Raises `ModelSpecError` for what is no spec."""
    head, *items = text.split(",")
    kind, _, where = head.strip().partition(":")
    options = dict(_option(text, item) for item in items)
    if kind in FROM_FILES and not where:
        _refuse(text, f"{kind} needs a directory or a hub name")
    if kind not in KINDS:
        if not (MODULE.fullmatch(kind) and where.isidentifier()):
            _refuse(text, f"there is no kind '{kind}'")
        kind, where = "custom", f"{kind}:{where}"
    spec = Spec(text=text, kind=kind, where=where, options=options)
    _check_options(spec)
    return spec


def load_model(spec: Spec, settings: ModelSettings) -> LoadedModel:
    """Weights in memory, ready for `warm_up`. Raises `ModelSpecError` where a person can help."""
    try:
        settings = with_options(settings, spec.options)
    except ValueError as error:
        _refuse(spec.text, str(error))
    if complaints := settings.complaints():
        _refuse(spec.text, "; ".join(complaints))
    model = _make(spec, settings)
    about = check_about(getattr(model, "about", About()), spec.where or spec.kind)
    return LoadedModel(
        name=spec.name,
        about=about if about.revision else replace(about, revision=_revision(spec, settings, model)),
        forward=isolated(model.forward) if spec.kind == "custom" else model.forward,
        cost=getattr(model, "cost", None),
        warm_up=getattr(model, "warm_up", None) or _nothing,
        report_to=getattr(model, "report_to", None) or _nothing,
        pads=getattr(model, "pads", True),
        example=getattr(model, "example", None),
        in_flight=getattr(model, "in_flight", None),
    )


def _make(spec: Spec, settings: ModelSettings) -> Model:
    if spec.kind == "synthetic":
        return _synthetic(spec)
    if spec.kind == "custom":
        return load_custom(spec.where, settings)
    # Imported late: they bring torch, which takes seconds and which a synthetic model does without.
    from batcher.models.from_files import load_from_files

    return load_from_files(spec.kind, spec.where, spec.options.get("revision"), settings)


def _synthetic(spec: Spec) -> Synthetic:
    faults = spec.options.get("faults", "off")
    if faults not in ("on", "off"):
        _refuse(spec.text, "faults is on or off")
    try:
        return Synthetic(PassTime.read(spec.where) if spec.where else PassTime(), faults=faults == "on")
    except ValueError as error:
        _refuse(spec.text, str(error))


def _revision(spec: Spec, settings: ModelSettings, model: Model) -> str:
    # Not the pass time of a synthetic model: its answers are the same at every speed, and so is its queue.
    what = spec.kind if spec.kind == "synthetic" else f"{spec.where} {settings.dtype} {source_hash(model)}"
    return hashlib.sha256(what.encode()).hexdigest()[:12]


def _option(text: str, item: str) -> tuple[str, str]:
    name, _, value = item.strip().partition("=")
    if not (name and value):
        _refuse(text, f"'{item}' is no option; say name=value")
    return name.replace("-", "_"), value


def _check_options(spec: Spec) -> None:
    known = OPTIONS[spec.kind]
    for option in spec.options:
        if option not in known:
            _refuse(spec.text, f"a {spec.kind} model has no option {option}, only {', '.join(known)}")
    if not NAME.fullmatch(spec.name):
        _refuse(spec.text, f"'{spec.name}' is no name: lower-case letters, digits, '.', '_' and '-'")


def _refuse(text: str, why: str) -> NoReturn:
    raise ModelSpecError(f"model '{text}': {why} ({HELP})")


def _nothing(*_: object) -> None:
    """What a model does to get warm, or to report, that has no such method."""
