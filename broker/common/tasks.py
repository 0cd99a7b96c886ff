"""The tasks that have an address of their own, each with an example: one table for front ends and the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

LANGUAGES = ("fromLang", "toLang")  # fields of a payload
NLLB = {"en": "eng_Latn", "ja": "jpn_Jpan"}  # the examples' languages, by the codes that NLLB has for them
BOX = "Life is like a box of chocolates."
THRESHOLD = 0.5  # the similarity at which two texts are alike, for an embedding model whose makers say no other
RED_CIRCLE = (  # a PNG of 32 × 32 pixels
    "iVBORw0KGgoAAAANSUhEUgAAACAAAAAgAQMAAABJtOi3AAAABlBMVEX////cHh7/Hx2WAAAASElEQVR42nXNsQ2AMBAEweGFoAwohVLoBEqjFJdB"
    "gGyCJ8QbnDbao8tcsNzCPqE1MXAGRLCljaxpf/NQ0ipXZLk1HDXz31GHFx5EDnu4Web/AAAAAElFTkSuQmCC"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is the same of a task wherever it is spoken of."""

    name: str  # as a card has it
    path: str
    summary: str
    text: str = ""  # of the example
    others: Sequence[str] = ()  # texts of the example's further records
    image: str = ""  # of the example, base64, where records are pictures
    options: Mapping[str, Any] = field(default_factory=dict)  # of the example: the payload's fields besides its records

    @property
    def has_languages(self) -> bool:
        return self.options.keys() >= {*LANGUAGES}

    @property
    def takes_pictures(self) -> bool:
        return bool(self.image)

    def payload(self, languages: Sequence[str] = ()) -> dict[str, Any]:
        """The example, in `languages`, those of a model, where that does not have the example's own."""
        options = dict(self.options)
        if languages and self.has_languages:
            options |= zip(LANGUAGES, self._pair(languages), strict=True)
        if self.takes_pictures:
            return options | {"records": [{"id": "123", "image": self.image}]}
        texts = enumerate((self.text, *self.others), start=123)
        return options | {"records": [{"id": str(number), "text": text} for number, text in texts]}

    def _pair(self, languages: Sequence[str]) -> tuple[str, str]:
        source, target = (self.options[name] for name in LANGUAGES)
        pairs = ((source, target), (NLLB.get(source, ""), NLLB.get(target, "")))
        return next((pair for pair in pairs if {*pair} <= {*languages}), (languages[0], languages[-1]))


TRANSLATION = Task(
    name="translation",
    path="/translation",
    summary="Translate texts",
    text=BOX,
    options={"fromLang": "en", "toLang": "ja"},
)
CLASSIFICATION = Task(
    name="classification", path="/classification", summary="Label texts", text="What a lovely day!", options={"topK": 2}
)
EMBEDDING = Task(
    name="embedding",
    path="/embedding",
    summary="Turn texts into vectors",
    text="A small bus that leaves when it is full.",
)
IMAGE_CLASSIFICATION = Task(
    name="image-classification",
    path="/image-classification",
    summary="Label pictures",
    image=RED_CIRCLE,
    options={"topK": 2},
)
RERANK = Task(
    name="rerank",
    path="/rerank",
    summary="Order texts by how well they answer a query",
    text=BOX,
    others=("The bus leaves when it is full.",),
    options={"query": "When does the bus leave?", "topK": 2},
)
ZERO_SHOT = Task(
    name="zero-shot",
    path=CLASSIFICATION.path,  # with labels, which make the difference
    summary="Label texts with labels that the request names",
    text="What a lovely day at the beach!",
    options={"labels": ["travel", "cooking", "politics"], "topK": 3},
)
TASKS: Mapping[str, Task] = {
    one.name: one for one in (TRANSLATION, CLASSIFICATION, EMBEDDING, IMAGE_CLASSIFICATION, RERANK, ZERO_SHOT)
}

# Models of any other task, and all models by their names.
ANY = Task(
    name="", path="/models/{name}", summary="Call any model by its name; the payload is that of its task", text=BOX
)


def task_of(name: str) -> Task:
    """The row of a card's task; `ANY` for one that a custom model made up."""
    return TASKS.get(name, ANY)
