"""A directory's tokenizer as transformers makes it, and as the `tokenizer.json` that front ends read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tokenizers import normalizers
from transformers import AutoTokenizer

from batcher.models.errors import ModelSpecError
from batcher.models.files.weights import Weights
from broker.common.panics import CONTROL


def load_tokenizer(
    weights: Weights, options: Mapping[str, Any], *, lower_case: bool = False, made_of: Any = AutoTokenizer
) -> Any:
    """`made_of`: the class that reads it. Raises `ModelSpecError` where front ends could not do what it does.

    Not the tokenizer.json of the directory: what tokenizer_config.json says beside it counts as well, and which of the
    two wins is for transformers to say.
    """
    try:
        tokenizer = made_of.from_pretrained(weights.directory, local_files_only=True, **options)
    except CONTROL:
        raise
    except BaseException as error:  # broken files raise all kinds of things, Rust's panics too
        raise ModelSpecError(f"{weights.directory} has no tokenizer that can be read: {_first_line(error)}") from error
    if not tokenizer.is_fast:
        raise ModelSpecError(f"{weights.directory} has a tokenizer that cannot be written as tokenizer.json")
    if any(tokenizer("a").get("token_type_ids", ())):
        raise ModelSpecError(f"{weights.directory} has a tokenizer that gives token types, and only ids travel here")
    if lower_case:
        _lower(tokenizer.backend_tokenizer)
    return tokenizer


def tokenizer_json(tokenizer: Any) -> bytes:
    """What front ends make it from."""
    text: str = tokenizer.backend_tokenizer.to_str()
    return text.encode()


def tokenizer_options(tokenizer: Any) -> dict[str, Any]:
    """What tokenizer.json does not say: where a text that is too long is cut, and whether "[SEP]" in it is a word."""
    options: dict[str, Any] = {}
    if tokenizer.truncation_side == "left":
        options["truncation_side"] = "left"
    if tokenizer.split_special_tokens:
        options["split_special_tokens"] = True
    return options


def _lower(backend: Any) -> None:
    """Lower case before whatever else its normalizer does, as sentence-transformers has it."""
    before = backend.normalizer
    backend.normalizer = normalizers.Sequence([normalizers.Lowercase(), *([before] if before else [])])


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
