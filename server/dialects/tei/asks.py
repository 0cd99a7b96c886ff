"""What the bodies of TEI ask for, a function each."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from msgspec.json import Decoder

from broker.messages import FailureCode
from server.api.incoming import Incoming
from server.api.schema.envelope import read
from server.dialects.asking import Asked
from server.dialects.best_first import ranks
from server.dialects.contract import Call, Row
from server.dialects.tei import schema as tei
from server.dialects.vectors import as_numbers, cosine
from server.errors import Problem
from server.json import to_json

ALL = 1 << 30  # labels
INPUTS, TEXTS = "inputs[{}]", "texts[{}]"
EMBED, PREDICT = Decoder(tei.TeiEmbedRequest), Decoder(tei.TeiPredictRequest)
RERANK, SIMILARITY = Decoder(tei.TeiRerankRequest), Decoder(tei.TeiSimilarityRequest)
NO_PAIRS = "inputs is [a, b], which means a pair, and this model reads single texts: send [[a], [b]]."


def embed(incoming: Incoming) -> Asked:
    """A vector for each text."""
    asked = read(EMBED, incoming.body)
    return Asked(
        inputs=listed(asked.inputs),
        written=vectors,
        options=prompt(asked.prompt_name),
        model=asked.model,
        place=place_of(asked.inputs),
        dimensions=None if asked.dimensions is None else int(asked.dimensions),
        is_unit=asked.normalize is not False,
    )


def predict(incoming: Incoming) -> Asked:
    """All labels of each text, best first: one list for a text alone, else a list of them."""
    asked = read(PREDICT, incoming.body)
    texts, is_list = _texts(asked.inputs)
    return Asked(
        inputs=texts,
        written=partial(_labels, is_list=is_list),
        options={"topK": ALL},
        model=asked.model,
        place=INPUTS if is_list else "",
    )


def rerank(incoming: Incoming) -> Asked:
    """The places of the texts and their scores, best first."""
    asked = read(RERANK, incoming.body)
    return Asked(
        inputs=asked.texts,
        written=partial(_ranks, texts=asked.texts if asked.return_text else None),
        options={"query": asked.query},
        model=asked.model,
        place=TEXTS,
        beside=len(asked.query),
    )


def similarity(incoming: Incoming) -> Asked:
    """How near each of the sentences is to the first."""
    asked = read(SIMILARITY, incoming.body)
    name = None if asked.parameters is None else asked.parameters.prompt_name
    return similar(asked.inputs, name, asked.model)


def similar(inputs: tei.TeiSentences, prompt_name: str | None, model: str | None) -> Asked:
    """The same, of a body that has been read."""
    return Asked(
        inputs=[inputs.source_sentence, *inputs.sentences],
        written=_cosines,
        options=prompt(prompt_name),
        model=model,
        place="sentence {}, the source being 0",
    )


def listed(inputs: str | list[str]) -> list[str]:
    """Several texts, or the one."""
    return [inputs] if isinstance(inputs, str) else inputs


def place_of(inputs: str | list[str]) -> str:
    """How one of these is called."""
    return "" if isinstance(inputs, str) else INPUTS


def prompt(name: str | None) -> dict[str, str]:
    """Options for the codec."""
    return {} if name is None else {"promptName": name}


def vectors(call: Call, rows: Sequence[Row]) -> bytes:
    """A list of them. Not made as lists of numbers first, which would take eight times as much memory."""
    return b"[%b]" % b",".join([as_numbers(row["embedding"]) for row in rows])


def labels_of(row: Row) -> list[Row]:
    """Every label of a text with its score, best first. Raises `Problem` (model_error) for a custom model's answer
    that has none."""
    labels: list[Row] = row.get("labels", [row])
    try:
        return [{"label": one["label"], "score": one["score"]} for one in labels]
    except (KeyError, TypeError) as error:
        raise Problem(FailureCode.MODEL_ERROR, "The model's answer to this text has no label.") from error


def _texts(inputs: str | list[str | list[str]]) -> tuple[list[str], bool]:
    """The texts, and whether they are to be answered by a list for each. Raises `Problem` (invalid_input)."""
    if isinstance(inputs, str):
        return [inputs], False
    alone = [text for text in inputs if isinstance(text, str)]
    if alone == inputs and len(alone) == 1:
        return alone, False
    if alone:
        raise Problem(FailureCode.INVALID_INPUT, NO_PAIRS)
    return [alone[0] for alone in inputs], True


def _labels(call: Call, rows: Sequence[Row], *, is_list: bool) -> bytes:
    found = [labels_of(row) for row in rows]
    return to_json(found if is_list else found[0])


def _ranks(call: Call, rows: Sequence[Row], *, texts: Sequence[str] | None) -> bytes:
    found = ranks(rows)
    if texts is None:
        return to_json([{"index": place, "score": score} for place, score in found])
    return to_json([{"index": place, "score": score, "text": texts[place]} for place, score in found])


def _cosines(call: Call, rows: Sequence[Row]) -> bytes:
    source, *others = (row["embedding"] for row in rows)
    return to_json([cosine(source, other) for other in others])
