"""The table of codecs, and what a front end pays for those it does not use."""

from __future__ import annotations

import subprocess
import sys

import pytest

from broker.messages import ModelCard
from server.codecs import CODECS, make_codec
from server.codecs.errors import CodecError
from server.codecs.translation.auto import AutoCodec
from server.codecs.translation.m2m100 import M2M100Codec
from tests.unit.server.codecs.samples import tokenizer_files, translation_card
from tests.unit.server.codecs.test_text import tokenizer_json

SERVE_PASSTHROUGH = """
import sys
from broker.messages import ModelCard
from server.codecs import make_codec
make_codec(ModelCard(name="synthetic", task="custom", codec="passthrough", revision="1"), {})
print(*sorted({"sentencepiece", "tokenizers", "sentencex", "PIL", "numpy", "torch", "transformers"}
              & sys.modules.keys()))
"""
DISCOVER = """
import sys
import server.fleet.codec_cache, server.fleet.discovery, server.fleet.directory
print(*sorted(name for name in sys.modules if name in ("server.codecs.text", "server.codecs.passthrough", "tokenizers")
              or name.startswith("server.codecs.translation")))
"""
SERVE_ALL = """
import sys
import server.codecs.translation.m2m100, server.codecs.text, server.codecs.passthrough, server.codecs.images.codec
print(*sorted({"numpy", "torch", "transformers"} & sys.modules.keys()))
"""


def loaded_by(program: str) -> str:
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    return run.stdout.strip()


def test_the_card_names_its_codec() -> None:
    made = make_codec(translation_card(), tokenizer_files())

    assert isinstance(made, AutoCodec) and isinstance(made.within, M2M100Codec)


def test_an_unknown_codec_is_a_clear_error() -> None:
    card = ModelCard(name="odd", task="custom", codec="marian", revision="1")

    with pytest.raises(ValueError, match=r"odd.*'marian'.*m2m100"):
        make_codec(card, {})


def test_every_card_may_name_these() -> None:
    assert set(CODECS) == {"m2m100", "nllb", "text", "rerank", "zero-shot", "passthrough", "image"}


def test_a_front_end_of_custom_models_loads_no_tokenizer() -> None:
    assert loaded_by(SERVE_PASSTHROUGH) == ""


def test_no_codec_loads_a_model_library() -> None:
    assert loaded_by(SERVE_ALL) == ""


def test_discovery_loads_no_codec() -> None:
    assert loaded_by(DISCOVER) == ""


@pytest.mark.parametrize("name", sorted(CODECS.keys() - {"image"}))
def test_a_codec_of_texts_says_so_when_it_is_given_bytes(name: str) -> None:
    files = {**tokenizer_files(), "tokenizer.json": tokenizer_json()}
    codec = make_codec(translation_card(codec=name), files)

    with pytest.raises(CodecError, match="text, not bytes") as refused:
        codec.encode(b"\x89PNG", {"fromLang": "en", "toLang": "ja"})

    assert refused.value.code == "invalid_input"
