"""The tensors of a request and of a reply: one column of inputs, and for each task its outputs. Pure."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from broker.common.tasks import CLASSIFICATION, EMBEDDING, IMAGE_CLASSIFICATION, RERANK, ZERO_SHOT
from broker.messages import FailureCode, ModelCard
from server.api.schema.pictures import from_base64
from server.api.tasks import bodies_of
from server.codecs.contract import Input
from server.dialects.contract import Row
from server.dialects.oip.schema import OipDescribed, OipTensor
from server.dialects.tei.asks import labels_of
from server.errors import Problem
from server.json import to_json

LENGTH = struct.Struct("<I")  # before each element of a tensor of BYTES
LABELLING = (CLASSIFICATION.name, ZERO_SHOT.name, IMAGE_CLASSIFICATION.name)
NO_SCORE = "The model's answer to this input has no score."
ANSWER = (("text", "BYTES", (-1,)),)
RANK = (("score", "FP32", (-1,)),)
VECTOR = (("embedding", "FP32", (-1, -1)),)
LABELS = (("label", "BYTES", (-1, -1)), ("score", "FP32", (-1, -1)))
GIVES: Mapping[str, Sequence[tuple[str, str, Sequence[int]]]] = {
    EMBEDDING.name: VECTOR,
    RERANK.name: RANK,
    **{task: LABELS for task in LABELLING},
}


def inputs_of(tensor: OipTensor, behind: bytes, card: ModelCard) -> Sequence[Input | Problem]:
    """What the model reads, an element each; `behind` are the bytes behind the JSON. Raises `Problem`."""
    is_picture = bodies_of(card).task.takes_pictures
    name = "image" if is_picture else "text"
    if tensor.name != name:
        raise Problem(FailureCode.INVALID_INPUT, f"{card.name!r} takes one input, which is called {name!r}.")
    size = None if tensor.parameters is None else tensor.parameters.binary_data_size
    if size is not None:
        found = _elements(behind, size)
        inputs: Sequence[Input | Problem] = found if is_picture else [_text(one) for one in found]
    else:
        texts = _flat(tensor.data or ())
        inputs = [from_base64(one) for one in texts] if is_picture else texts
    if tensor.shape[1:] not in ([], [1]) or tensor.shape[0] != len(inputs):
        raise Problem("malformed", f"The shape of an input is [n] or [n, 1], and here n would be {len(inputs)}.")
    return inputs


def described(card: ModelCard) -> tuple[list[OipDescribed], list[OipDescribed]]:
    """What a model takes, and what it gives."""
    takes = OipDescribed(name="image" if bodies_of(card).task.takes_pictures else "text", datatype="BYTES", shape=[-1])
    gives = GIVES.get(bodies_of(card).task.name, ANSWER)
    return [takes], [OipDescribed(name=name, datatype=kind, shape=[*shape]) for name, kind, shape in gives]


def outputs_of(task: str, rows: Sequence[Row]) -> list[tuple[str, str, list[int], list[Any]]]:
    """Name, datatype, shape and data of each output. Raises `Problem` (model_error) where an answer is of another
    task."""
    count = len(rows)
    if task == EMBEDDING.name:
        width = len(rows[0]["embedding"])
        numbers = list(chain.from_iterable(row["embedding"] for row in rows))
        return [("embedding", "FP32", [count, width], numbers)]
    if task == RERANK.name:
        return [("score", "FP32", [count], [_score(row) for row in rows])]
    if task in LABELLING:
        return _labels([labels_of(row) for row in rows])
    return [("text", "BYTES", [count], [text_of(row) for row in rows])]


def text_of(row: Row) -> str:
    """An answer in words; a custom model's other fields as JSON."""
    text = row.get("text")
    return text if isinstance(text, str) else to_json(row).decode()


def _labels(found: Sequence[Sequence[Row]]) -> list[tuple[str, str, list[int], list[Any]]]:
    shape = [len(found), len(found[0])]
    if any(len(labels) != shape[1] for labels in found):
        raise Problem(FailureCode.MODEL_ERROR, "The model has as many labels for one input as it has not for another.")
    flat = list(chain.from_iterable(found))
    return [
        ("label", "BYTES", shape, [one["label"] for one in flat]),
        ("score", "FP32", shape, [one["score"] for one in flat]),
    ]


def _score(row: Row) -> float:
    score = row.get("score")
    if not isinstance(score, float):
        raise Problem(FailureCode.MODEL_ERROR, NO_SCORE)
    return score


def _flat(data: Iterable[str | list[str]]) -> list[str]:
    return [one for each in data for one in ([each] if isinstance(each, str) else each)]


def _elements(behind: bytes, size: int) -> list[bytes]:
    """Raises `Problem` (malformed) where they do not end where the tensor does."""
    found, at = [], 0
    if size != len(behind):
        raise Problem("malformed", f"There are {len(behind)} bytes behind the JSON, and {size} are said to be.")
    while at < size:
        if size - at < LENGTH.size or (end := at + LENGTH.size + LENGTH.unpack_from(behind, at)[0]) > size:
            raise Problem("malformed", "An element of the tensor is longer than the tensor.")
        found.append(behind[at + LENGTH.size : end])
        at = end
    return found


def _text(element: bytes) -> str | Problem:
    try:
        return element.decode()
    except UnicodeDecodeError:
        return Problem(FailureCode.INVALID_INPUT, "text is not UTF-8")
