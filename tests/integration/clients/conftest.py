"""One front end with a model for each task, for all of others' clients."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from huggingface_hub import constants

from tests.integration.one_of_each import MODELS
from tests.integration.stack import Stack, stack


@pytest.fixture(scope="session")
def everybody() -> Iterator[Stack]:
    with stack(models=MODELS) as made:
        yield made


@pytest.fixture(scope="session")
def system() -> Iterator[Stack]:
    """With the demo model that translates, alone."""
    with stack(models=["translation:demo/translation"], log_level="debug") as made:
        yield made


@pytest.fixture
def on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests run with HF_HUB_OFFLINE, which forbids Hugging Face's client this too; and no token is at hand."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", "nowhere")
    monkeypatch.delenv("HF_TOKEN", raising=False)
