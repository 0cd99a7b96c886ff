"""Whether front ends can use a model's tokenizer files, tried as they will: they could only answer 503 for ever."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from batcher.engines.exceptions import one_line
from batcher.models.errors import ModelSpecError
from batcher.models.files.weights import Weights, json_object

SAMPLE = "Hello, world! 1"
OLDER = ("vocab*", "*.model", "merges.txt", "spiece*")  # what transformers makes a tokenizer.json of


def check_tokenizer(weights: Weights) -> None:
    """Raises `ModelSpecError` for a directory of an encoder whose texts could not become ids."""
    files = list(weights.files())
    found = [path for path in files if path.name == "tokenizer.json"]
    for path in found:
        _check_words(path)
    if not found and not any(path.match(pattern) for path in files for pattern in OLDER):
        raise ModelSpecError(f"{weights.directory} holds no tokenizer.json, and nothing to make one from")


def _check_words(path: Path) -> None:
    words = read_tokenizer(path.read_bytes(), str(path.parent)).get_vocab()
    largest, rows = max(words.values(), default=-1), json_object(path.parent / "config.json").get("vocab_size")
    if isinstance(rows, int) and largest >= rows:
        raise ModelSpecError(
            f"{path.parent}: its tokenizer.json has ids up to {largest}, its network a table of {rows}"
        )


def read_tokenizer(data: bytes, where: str) -> Any:
    """The tokenizer that front ends will make of this tokenizer.json. Raises `ModelSpecError` where they could not."""
    from tokenizers import Tokenizer  # imported late: most models of one's own need none

    try:
        tokenizer = Tokenizer.from_str(data.decode())
        tokenizer.encode(SAMPLE)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # the library raises nothing narrower, and its panics are no `Exception`
        raise ModelSpecError(f"{where}: its tokenizer.json cannot be used: {one_line(error)}") from error
    return tokenizer


def read_vocabulary(data: bytes, where: str) -> dict[str, int]:
    """The words of a vocab.json and their ids. Raises `ModelSpecError`."""
    try:
        numbers = json.loads(data)
    except ValueError as error:
        raise ModelSpecError(f"{where}: its vocab.json is not JSON: {error}") from error
    if not (isinstance(numbers, dict) and numbers and all(map(_is_id, numbers.values()))):
        raise ModelSpecError(f"{where}: its vocab.json is no object that gives each word a number")
    return numbers


def check_pieces(model: bytes, numbers: Mapping[str, int], where: str) -> None:
    """Raises `ModelSpecError` for a sentencepiece.bpe.model that is none, or that is of another vocabulary."""
    from sentencepiece import SentencePieceProcessor  # imported late, as above

    try:
        pieces = SentencePieceProcessor(model_proto=model)
        size = pieces.get_piece_size()  # 0 for no bytes: they make no model, and no error either
    except Exception as error:
        raise ModelSpecError(f"{where}: its sentencepiece.bpe.model cannot be read: {one_line(error)}") from error
    known = sum(pieces.id_to_piece(number) in numbers for number in range(size))
    if 2 * known <= size:
        raise ModelSpecError(
            f"{where}: its vocab.json knows {known} of the {size} pieces of its sentencepiece.bpe.model"
        )


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
