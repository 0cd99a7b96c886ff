"""POST /models/{name} with `inputs`: what the pipeline of the model's task would be asked, and would answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.json import Decoder

from broker.common.tasks import CLASSIFICATION, EMBEDDING, IMAGE_CLASSIFICATION, TRANSLATION, ZERO_SHOT
from broker.messages import FailureCode
from server.api.incoming import Incoming
from server.api.schema.classification import A_LABEL
from server.api.schema.envelope import read
from server.api.tasks import bodies_of
from server.dialects.asking import Ask, Asked, Asking
from server.dialects.contract import Call, Row
from server.dialects.huggingface import schema as huggingface
from server.dialects.huggingface.flavour import FLAVOUR
from server.dialects.huggingface.pictures import picture
from server.dialects.tei.asks import ALL, labels_of, listed, place_of, prompt, similar, vectors
from server.dialects.tei.schema import TeiSentences
from server.dialects.whole import translation_of
from server.errors import Problem
from server.http.bodies import JSON_ONLY, JSON_OR_PICTURE, Bodies
from server.json import to_json

CLIENTS = (b"hf_hub/", b"@huggingface/")  # what those of Hugging Face call themselves
EMBED, LABEL = Decoder(huggingface.HuggingFaceEmbedRequest), Decoder(huggingface.HuggingFaceLabelRequest)
ZERO = Decoder(huggingface.HuggingFaceZeroShotRequest)
TRANSLATE = Decoder(huggingface.HuggingFaceTranslationRequest)


class Pipelines(Asking):
    """A picture as the whole body says nothing of which reply is meant, so there the client's own name does."""

    known_by = ("inputs",)

    def __init__(self) -> None:
        super().__init__(FLAVOUR)

    def takes(self, incoming: Incoming) -> Bodies:
        task = bodies_of(incoming.card_named(incoming.path_params["name"])).task
        return JSON_OR_PICTURE if task.takes_pictures else JSON_ONLY

    def is_meant(self, incoming: Incoming) -> bool:
        if incoming.is_json:
            return super().is_meant(incoming)
        client = incoming.headers.get(b"user-agent", b"")
        return any(name in client for name in CLIENTS)

    def read(self, incoming: Incoming) -> Call:
        served = incoming.model_named(incoming.path_params["name"])
        asked = _ask_of(bodies_of(served.card).task.name)(incoming)
        return Call(self, served, asked.inputs, asked.options, memo=asked, beside=asked.beside)


def embed(incoming: Incoming) -> Asked:
    """feature-extraction: a vector for each text; sentence-similarity, where there is a sentence with others."""
    asked = read(EMBED, incoming.body)
    said = _said(asked)
    if isinstance(asked.inputs, TeiSentences):
        return similar(asked.inputs, said.prompt_name, None)
    return Asked(
        inputs=listed(asked.inputs),
        written=vectors,
        options=prompt(said.prompt_name),
        place=place_of(asked.inputs),
        dimensions=None if said.dimensions is None else int(said.dimensions),
        is_unit=said.normalize is True,
    )


def label(incoming: Incoming) -> Asked:
    """text-classification: a list of labels for each text, also for one alone: its clients take the first."""
    asked = read(LABEL, incoming.body)
    top = None if asked.parameters is None else asked.parameters.top_k
    return Asked(
        inputs=listed(asked.inputs),
        written=_lists_of_labels,
        options={"topK": int(top or ALL)},
        place=place_of(asked.inputs),
    )


def zero_shot(incoming: Incoming) -> Asked:
    """zero-shot-classification: of a text alone its labels, of several a list of them for each."""
    asked = read(ZERO, incoming.body)
    said = asked.parameters
    named = {"labels": said.candidate_labels, "template": said.hypothesis_template, "multiLabel": said.multi_label}
    around = len(said.hypothesis_template or "") + A_LABEL
    return Asked(
        inputs=listed(asked.inputs),
        written=_labels if isinstance(asked.inputs, str) else _lists_of_labels,
        options={"topK": ALL} | {name: value for name, value in named.items() if value is not None},
        place=place_of(asked.inputs),
        beside=sum(len(one) + around for one in said.candidate_labels),
    )


def translate(incoming: Incoming) -> Asked:
    """translation: each text in the other language."""
    asked = read(TRANSLATE, incoming.body)
    return Asked(
        inputs=listed(asked.inputs),
        written=_translations,
        options={"fromLang": asked.parameters.src_lang, "toLang": asked.parameters.tgt_lang},
        place=place_of(asked.inputs),
    )


ASKS: Mapping[str, Ask] = {
    EMBEDDING.name: embed,
    CLASSIFICATION.name: label,
    ZERO_SHOT.name: zero_shot,
    TRANSLATION.name: translate,
    IMAGE_CLASSIFICATION.name: picture,
}


def _said(asked: huggingface.HuggingFaceEmbedRequest) -> huggingface.EmbedParameters:
    """Each as it stands within `parameters`, else beside `inputs`: clients send `parameters` also where it is empty."""
    within, names = asked.parameters, huggingface.EmbedParameters.__struct_fields__
    if within is None:
        return asked
    found = {name: getattr(within, name) for name in names}
    return huggingface.EmbedParameters(
        **{name: getattr(asked, name) if value is None else value for name, value in found.items()}
    )


def _ask_of(task: str) -> Ask:
    """Raises `Problem` (invalid_input) for a task without a pipeline."""
    if task not in ASKS:
        said = f"A model of this task has no pipeline: send our own body, with a payload, or ask one of {sorted(ASKS)}."
        raise Problem(FailureCode.INVALID_INPUT, said)
    return ASKS[task]


def _labels(call: Call, rows: Sequence[Row]) -> bytes:
    return to_json(labels_of(rows[0]))


def _lists_of_labels(call: Call, rows: Sequence[Row]) -> bytes:
    return to_json([labels_of(row) for row in rows])


def _translations(call: Call, rows: Sequence[Row]) -> bytes:
    return to_json([{"translation_text": translation_of(row)} for row in rows])
