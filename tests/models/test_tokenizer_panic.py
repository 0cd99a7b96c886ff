"""A tokenizer library that panics over a broken file is one refused model, not a traceback."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from batcher.models.errors import ModelSpecError
from batcher.models.files import tokenizer


class PanicException(BaseException):
    """As Rust's bindings have it."""


def test_a_panic_over_a_broken_file_refuses_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def panics(*arguments: Any, **options: Any) -> None:
        raise PanicException("index out of bounds")

    monkeypatch.setattr(tokenizer.AutoTokenizer, "from_pretrained", panics)
    weights: Any = SimpleNamespace(directory="here")

    with pytest.raises(ModelSpecError, match="no tokenizer that can be read: index out of bounds"):
        tokenizer.load_tokenizer(weights, {})
