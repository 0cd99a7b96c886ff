"""What a batcher announces of its model."""

from __future__ import annotations

import pytest

from batcher.models.card import make_card
from batcher.models.contract import About
from batcher.models.errors import ModelSpecError


def test_a_file_that_front_ends_would_not_read_is_refused_at_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batcher.models.card.MAX_ARTIFACT", 10)

    with pytest.raises(ModelSpecError, match=r"vocab\.json is larger"):
        make_card("toy", About(files={"small": b"x" * 10, "vocab.json": b"x" * 11}))
