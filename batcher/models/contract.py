"""What a model promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

Input = Any  # token ids as array("i"), text, bytes, or a dict of these: what the model's codec makes
Output = Any  # what msgpack carries, with array("i") and array("f") for ids and vectors


class OutOfMemory(RuntimeError):
    """The card's memory did not hold this forward group; a smaller one may fit."""


class InvalidInput(ValueError):
    """This input can never be computed; the message may be shown to its sender."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a model says of itself; its card is made from this. A model without one is served as text in, text out."""

    task: str = "custom"
    codec: str = "passthrough"  # m2m100 | nllb | text | image | rerank | zero-shot | passthrough
    revision: str = ""  # of the weights; "" lets the batcher derive one from the spec
    max_cost: int = 1024  # tokens: the longest input it takes
    labels: Sequence[str] = ()
    languages: Sequence[str] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)  # tokenizer files, by name
    options: Mapping[str, Any] = field(default_factory=dict)  # what the codec needs besides the files
    description: str = ""


@runtime_checkable
class Model(Protocol):
    """Outputs in the order of the inputs, one for one.

    `forward` runs in one thread at a time. It may raise `InvalidInput`, `OutOfMemory`, or anything else: an
    exception fails only the inputs that cause it. A model may also have `about: About`, `cost(input) -> int`,
    `warm_up() -> None`, and `report_to(progress) -> None`: one whose forward may take longer than a minute calls
    `progress()` on its way, or it will be taken for one that hangs. One that pads nothing says `pads = False`, and its
    batches are cut by their tokens alone. One whose time depends on the number of inputs and hardly on what they are
    may have an `example: Input`: at load, batches of it tell how fast it is. One whose rows join and leave between
    steps has `in_flight(*, max_size: int, max_tokens: int, progress: Callable[[], None]) -> Engine`, which then is used
    instead of `forward`.
    """

    def forward(self, inputs: Sequence[Input]) -> list[Output]: ...
