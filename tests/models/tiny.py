"""Model directories with random weights, seeded: every architecture and every file, in a megabyte and a moment."""

from __future__ import annotations

import json
import random
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    AutoConfig,
    AutoModel,
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    GenerationConfig,
    M2M100Config,
    M2M100ForConditionalGeneration,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForSequenceClassification,
)

from batcher.models.settings import ModelSettings
from batcher.models.spec import LoadedModel, load_model, parse_spec
from benchmarks.lib.pieces_model import pieces_model

transformers.logging.disable_progress_bar()

SPECIALS = ("<s>", "<pad>", "</s>", "<unk>")
PIECES = 60  # ids 4 … 63 of the translation vocabulary
LANGUAGES = 100
WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", *(f"word{number}" for number in range(60)))
MAX_LENGTH = 28


def translation(
    directory: Path,
    *,
    seed: int = 0,
    notes: dict[str, Any] | None = None,
    shape: dict[str, Any] | None = None,
    **generation: Any,
) -> Path:
    """An M2M100 checkpoint: 64 words, 100 languages, 8 rows for nobody. `shape`: what its config says instead."""
    torch.manual_seed(seed)
    vocabulary = {word: number for number, word in enumerate((*SPECIALS, *(f"\u2581p{n}" for n in range(PIECES))))}
    network = M2M100ForConditionalGeneration(_translation_shape(len(vocabulary), **shape or {}))
    _end_sooner(network)
    ids = {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 2}
    network.generation_config = GenerationConfig(**{**ids, "max_length": MAX_LENGTH, "num_beams": 1, **generation})
    directory.mkdir(parents=True, exist_ok=True)
    network.save_pretrained(directory)
    (directory / "vocab.json").write_text(json.dumps(vocabulary))
    (directory / "sentencepiece.bpe.model").write_bytes(pieces_model(vocabulary))
    if notes is not None:
        (directory / "jitney.json").write_text(json.dumps(notes))
    return directory


def _translation_shape(words: int, **instead: Any) -> M2M100Config:
    usual = {
        "vocab_size": words + LANGUAGES + 8,
        "d_model": 32,
        "encoder_layers": 2,
        "decoder_layers": 2,
        "encoder_attention_heads": 4,
        "decoder_attention_heads": 4,
        "encoder_ffn_dim": 64,
        "decoder_ffn_dim": 64,
        "max_position_embeddings": 64,
        "init_std": 0.35,  # the usual 0.02 makes logits so flat that answers never differ
    }
    return M2M100Config(**usual | instead)


def _end_sooner(network: M2M100ForConditionalGeneration) -> None:
    # Random weights seldom say "the end". Every state leans a little towards it, so that answers differ in length.
    with torch.no_grad():
        end = network.get_input_embeddings().weight[2]
        end *= 1.5
        network.model.decoder.layer_norm.bias += 1.25 * end / end.norm()


def classifier(directory: Path, *, labels: int = 3, seed: int = 0, roberta: bool = False, **config: Any) -> Path:
    """A sequence classifier with its tokenizer.json."""
    torch.manual_seed(seed)
    shape = _shape(id2label={n: f"label {n}" for n in range(labels)}, label2id={f"label {n}": n for n in range(labels)})
    if roberta:
        _save(RobertaForSequenceClassification(RobertaConfig(**shape | {"pad_token_id": 1} | config)), directory)
    else:
        _save(BertForSequenceClassification(BertConfig(**shape | config)), directory)
    return directory


def encoder(directory: Path, *, seed: int = 0, **config: Any) -> Path:
    """A plain encoder with its tokenizer.json."""
    torch.manual_seed(seed)
    _save(BertModel(BertConfig(**_shape() | config)), directory)
    return directory


def family(directory: Path, name: str, made_of: Any = AutoModel, seed: int = 0, **config: Any) -> Path:
    """A checkpoint of this family with random weights, and the tokenizer of the others."""
    encoder(directory)
    torch.manual_seed(seed)
    sizes = {"vocab_size": 64, "hidden_size": 32, "num_attention_heads": 4, "num_hidden_layers": 2}
    hidden = {"hidden_dim": 64} if name == "distilbert" else {"intermediate_size": 64}
    shape = sizes | hidden | {"max_position_embeddings": 48, "initializer_range": 0.4, "num_labels": 3}
    network = made_of.from_config(AutoConfig.for_model(name, **shape | config))
    with torch.no_grad():  # new ones are 1 and 0, by which no mistake in them would show
        for part, weights in network.named_parameters():
            if "norm" in part.lower() or part.endswith("bias"):
                weights += 0.3 * torch.randn_like(weights)
    network.save_pretrained(directory)
    return directory


def load_encoder(kind: str, directory: Path, **settings: Any) -> LoadedModel:
    """An embedding or classification model; vectors are of length 1."""
    return load_model(parse_spec(f"{kind}:{directory},name=tiny"), ModelSettings(**{"normalize": "on", **settings}))


def texts(lengths: Sequence[int], seed: int = 0) -> list[array[int]]:
    """Ids of words, so many in each text."""
    rng = random.Random(seed)
    return [array("i", rng.choices(range(4, 64), k=length)) for length in lengths]


def _shape(**more: Any) -> dict[str, Any]:
    return {
        "vocab_size": len(WORDS),
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "max_position_embeddings": 48,
        "pad_token_id": 0,
        "initializer_range": 0.4,
        **more,
    }


def _save(network: PreTrainedModel, directory: Path) -> None:
    network.save_pretrained(directory)
    _tokenizer().save_pretrained(directory)


def _tokenizer() -> PreTrainedTokenizerFast:
    words = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    frame = [("[CLS]", WORDS.index("[CLS]")), ("[SEP]", WORDS.index("[SEP]"))]
    words.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=frame)
    return PreTrainedTokenizerFast(tokenizer_object=words, pad_token="[PAD]", unk_token="[UNK]")
