"""Cross-encoders and NLI classifiers with random weights, each with the tokenizer of its family.

Vocabularies of letters and a few words, with the frames, separators and token types that transformers gives a pair.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import torch
from tokenizers.pre_tokenizers import ByteLevel
from transformers import (
    AlbertTokenizer,
    AutoConfig,
    AutoModelForSequenceClassification,
    BertTokenizer,
    DebertaV2Tokenizer,
    DistilBertTokenizer,
    PreTrainedTokenizerBase,
    RobertaTokenizer,
    XLMRobertaTokenizer,
)

WORDS = ("the", "bus", "leaves", "when", "it", "is", "full", "boxes", "of", "chocolates")
SIGNS = tuple(ascii_lowercase + ".,?!'0123456789")
LONGEST = 40  # tokens
NLI = {0: "contradiction", 1: "neutral", 2: "entailment"}


def _pieces() -> dict[str, int]:
    words = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *SIGNS, *(f"##{sign}" for sign in SIGNS))
    return {word: number for number, word in enumerate(words)}


def _bytes() -> dict[str, int]:
    specials = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
    return {word: number for number, word in enumerate((*specials, *sorted(ByteLevel.alphabet()), "th", "the"))}


def _scored(*specials: str) -> list[tuple[str, float]]:
    words = [("▁", -3.0), *((f"▁{word}", -2.0) for word in WORDS), *((sign, -5.0) for sign in SIGNS)]
    return [*((special, 0.0) for special in specials), *words]


def tokenizer(family: str) -> PreTrainedTokenizerBase:
    """As a hub's checkpoint of this family has it."""
    options: dict[str, Any] = {"model_max_length": LONGEST}
    if family in ("bert", "electra"):
        return BertTokenizer(vocab=_pieces(), **options)
    if family == "distilbert":
        return DistilBertTokenizer(vocab=_pieces(), **options)
    if family == "roberta":
        return RobertaTokenizer(vocab=_bytes(), merges=[("t", "h"), ("th", "e")], **options)
    if family == "xlm-roberta":
        return XLMRobertaTokenizer(vocab=_scored("<s>", "<pad>", "</s>", "<unk>", "<mask>"), **options)
    if family == "albert":
        return AlbertTokenizer(vocab=_scored("<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"), **options)
    return DebertaV2Tokenizer(vocab=_scored("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"), **options)


OWN: Mapping[str, dict[str, Any]] = {
    "roberta": {"type_vocab_size": 1},
    "xlm-roberta": {"type_vocab_size": 1},
    "distilbert": {"dim": 32, "hidden_dim": 64, "n_heads": 4, "n_layers": 2},
    "albert": {"embedding_size": 16},
    "electra": {"embedding_size": 16},
    "deberta-v2": {"type_vocab_size": 0, "relative_attention": True, "pos_att_type": ["p2c", "c2p"]},
}
FAMILIES = ("bert", "roberta", "xlm-roberta", "distilbert", "electra", "albert", "deberta-v2")


def checkpoint(directory: Path, family: str, labels: Mapping[int, str] | None = None, **config: Any) -> Path:
    """A classifier of pairs; of one label unless `labels` says which."""
    named = labels or {0: "LABEL_0"}
    words = tokenizer(family)
    shape = {
        "vocab_size": len(words),
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "max_position_embeddings": LONGEST + 8,
        "initializer_range": 0.4,
        "pad_token_id": words.pad_token_id,
        "id2label": dict(named),
        "label2id": {name: number for number, name in named.items()},
    }
    torch.manual_seed(7)
    network = AutoModelForSequenceClassification.from_config(
        AutoConfig.for_model(family, **shape | OWN.get(family, {}) | config)
    )
    with torch.no_grad():  # new ones are 1 and 0, by which no mistake in them would show
        for name, weights in network.named_parameters():
            if "norm" in name.lower() or name.endswith("bias"):
                weights += 0.3 * torch.randn_like(weights)
    network.save_pretrained(directory)
    words.save_pretrained(directory)
    return directory


def text(seed: int, words: int) -> str:
    """Words of the vocabulary, others, and marks between them."""
    rng = random.Random(seed)
    odd = ["vehicle", "Zug", "don't", "3.5", "e\u0301t\u00e9", "?!"]
    return " ".join(rng.choices([*WORDS, *odd], k=words))


PAIRS = [(text(3 * seed, 1 + seed % 9), text(3 * seed + 1, 1 + seed * 5 % 40)) for seed in range(24)]


def family_of(directory: Path) -> str:
    """What a checkpoint's config.json says."""
    return str(AutoConfig.from_pretrained(directory).model_type)
