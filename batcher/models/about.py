"""What front ends will ask of a model's card, asked before it is announced: they could only answer 503 for ever."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from batcher.models.contract import About
from batcher.models.errors import ModelSpecError
from batcher.models.files.tokenizer_files import SAMPLE, check_pieces, read_tokenizer, read_vocabulary
from broker.body import obstacle
from broker.header import MAX_COST

PAIRS = "the first text stands before the second, each in one piece and of one token type"
FRAME = 2  # tokens of a translation's source that are no text: its language, its end


def check_about(about: Any, where: str) -> About:
    """This `About`, if a card can be made of it. Raises `ModelSpecError`; `where` says whose it is."""
    if not isinstance(about, About):
        raise ModelSpecError(f"{where}: its about is a {type(about).__name__}, not an About")
    for name, (holds, meant) in FIELDS.items():
        if not holds(getattr(about, name)):
            raise ModelSpecError(f"{where}: its about.{name} must be {meant}")
    CODECS[about.codec](about, where)
    return about


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not obstacle(value)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(_is_text(one) and one for one in value)


def _are_files(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(name, str) and isinstance(content, bytes) for name, content in value.items()
    )


def _is_cost(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_COST


def _are_options(value: Any) -> bool:
    return isinstance(value, Mapping) and not obstacle(dict(value))


FIELDS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "task": (lambda value: _is_text(value) and bool(value.strip()), "a word"),
    "codec": (
        lambda value: isinstance(value, str) and value in CODECS,
        "m2m100, nllb, text, image, rerank, zero-shot or passthrough",
    ),
    "revision": (_is_text, "a text"),
    "max_cost": (_is_cost, f"a whole number of tokens, 1 to {MAX_COST}"),
    "labels": (_are_texts, "a list of texts"),
    "languages": (_are_texts, "a list of codes"),
    "files": (_are_files, "bytes by file name"),
    "options": (_are_options, "plain values by name"),
    "description": (_is_text, "a text"),
}


def _check_text(about: About, where: str) -> None:
    tokenizer = read_tokenizer(_file(about, "tokenizer.json", where), where)
    _check_room(about, tokenizer.num_special_tokens_to_add(False), where)
    if about.task == "classification" and not about.labels:
        raise ModelSpecError(f"{where}: a classifier needs labels")


def _check_languages(about: About, where: str) -> None:
    ids = about.options.get("language_ids")
    if not isinstance(ids, Mapping) or not ids or not set(about.languages) <= set(ids):
        raise ModelSpecError(
            f"{where}: codec {about.codec} needs options language_ids, an id for each of its languages"
        )
    _check_room(about, FRAME, where)


def _check_nllb(about: About, where: str) -> None:
    if "tokenizer.json" not in about.files:
        _check_m2m100(about, where)
        return
    _check_languages(about, where)
    read_tokenizer(_file(about, "tokenizer.json", where), where)


def _check_pairs(about: About, where: str) -> None:
    tokenizer = read_tokenizer(_file(about, "tokenizer.json", where), where)
    framing = tokenizer.num_special_tokens_to_add(True)
    if about.max_cost < framing + 2:
        raise ModelSpecError(
            f"{where}: max_cost {about.max_cost} leaves no room for two texts: {framing} tokens frame them"
        )
    encoded = tokenizer.encode(SAMPLE, SAMPLE)
    texts = [text for text in encoded.sequence_ids if text is not None]
    if texts != sorted(texts) or encoded.type_ids != sorted(encoded.type_ids):
        raise ModelSpecError(f"{where}: its tokenizer has a template for pairs that is not served: {PAIRS}")


def _check_m2m100(about: About, where: str) -> None:
    _check_languages(about, where)
    words = read_vocabulary(_file(about, "vocab.json", where), where)
    check_pieces(_file(about, "sentencepiece.bpe.model", where), words, where)


def _check_image(about: About, where: str) -> None:
    recipe = about.options.get("image")
    if not isinstance(recipe, Mapping) or not {"height", "width", "steps"} <= recipe.keys():
        raise ModelSpecError(f"{where}: codec image needs options image: height, width and the steps to them")
    if not about.labels:
        raise ModelSpecError(f"{where}: a classifier needs labels")
    size = [recipe["height"], recipe["width"]]
    match recipe["steps"]:
        case [*_, ["resize" | "crop", height, width, *_]] if [height, width] == size:
            pass
        case _:
            raise ModelSpecError(f"{where}: codec image needs steps that end with the height and width it names")


def _file(about: About, name: str, where: str) -> bytes:
    if name not in about.files:
        raise ModelSpecError(f"{where}: codec {about.codec} needs {name} among its files")
    return about.files[name]


def _check_room(about: About, framing: int, where: str) -> None:
    if about.max_cost <= framing:
        raise ModelSpecError(f"{where}: max_cost {about.max_cost} leaves no room for a text: {framing} tokens frame it")


def _nothing(about: About, where: str) -> None:
    """Text in, whatever comes out."""


CODECS: Mapping[str, Callable[[About, str], None]] = {
    "text": _check_text,
    "rerank": _check_pairs,
    "zero-shot": _check_pairs,
    "m2m100": _check_m2m100,
    "image": _check_image,
    "nllb": _check_nllb,
    "passthrough": _nothing,
}
