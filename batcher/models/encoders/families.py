"""Which architectures are served: with padding, only texts of one length together, or not at all.

What a text gets must not depend on the texts beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification

from batcher.models.errors import ModelSpecError
from batcher.models.files.weights import Weights

# Padding changes nothing in these (tests/models/test_families.py). Others are computed with texts of their own length
# only: what mixes tokens without a mask (FNet, ConvBERT, Nystromformer), and what has not been tested.
UNCHANGED_BY_PADDING = """
albert arcee bert biogpt bloom camembert ctrl data2vec-text deberta deberta-v2 diffllama distilbert doge electra
ernie esm eurobert exaone4 flaubert gemma gemma2 gemma3 gemma3_text glm glm4 gpt-sw3 gpt2 gpt_bigcode gpt_neo
gpt_neox gptj gte helium ibert llama markuplm megatron-bert ministral mistral mixtral mobilebert modernbert mpnet
mpt mt5 nemotron nomic_bert olmo olmo2 olmo3 openai-gpt opt persimmon phi phi3 qwen2 qwen2_moe qwen3 qwen3_moe
rembert roberta roberta-prelayernorm roformer seed_oss smollm3 squeezebert stablelm starcoder2 t5 umt5 xlm-roberta
xlm-roberta-xl
"""
PADDABLE = frozenset(UNCHANGED_BY_PADDING.split())
REFUSED = {
    "big_bird": "whose attention changes for good with the first short text; say original_full as its attention_type",
    "perceiver": "which reads bytes, and is not served here",
    "reformer": "whose attention is random, so it is not served here",
    "tapas": "which reads tables, and is not served here",
    "xlnet": "whose texts need token types even where they stand alone, so it is not served here",
}
WITH_DECODER = (AutoModel, AutoModelForSequenceClassification)  # these load the decoder as well


def check_family(made_of: Any, weights: Weights) -> None:
    """Raises `ModelSpecError`, before any weight is read, for what cannot be served rightly."""
    if weights.has("adapter_config.json"):
        _refuse(weights, "is an adapter: merge it into its model first (merge_and_unload, save_pretrained)")
    try:
        config = AutoConfig.from_pretrained(weights.directory, local_files_only=True)
    except Exception:  # loading the network gives a better message
        return
    kind = config.model_type
    if config.is_encoder_decoder and made_of in WITH_DECODER:
        _refuse(weights, f"is an encoder-decoder ({kind}), and neither a classifier nor an encoder")
    if kind in REFUSED and getattr(config, "attention_type", "") != "original_full":
        _refuse(weights, f"is a {kind} model, {REFUSED[kind]}")
    if "dynamic" in set(_ropes(config)):
        _refuse(weights, f"is a {kind} model with dynamic RoPE, whose answers depend on the texts before")


def has_padding(config: Any) -> bool:
    """Whether its padding token is one; -1 is not, and neither is none at all."""
    text = config.get_text_config()
    return text.pad_token_id is not None and 0 <= text.pad_token_id < text.vocab_size


def is_paddable(config: Any) -> bool:
    """Whether a text's states are the same beside a longer one."""
    return config.model_type in PADDABLE and "longrope" not in set(_ropes(config))


def _ropes(config: Any) -> Iterator[str]:
    """The kinds of rotary positions, some of which depend on the longest text of a batch."""
    text = config.get_text_config()
    ropes = getattr(text, "rope_parameters", None) or getattr(text, "rope_scaling", None) or {}
    for rope in (ropes, *ropes.values()):
        if isinstance(rope, Mapping):
            yield str(rope.get("rope_type", rope.get("type")))


def _refuse(weights: Weights, why: str) -> NoReturn:
    raise ModelSpecError(f"{weights.directory} {why}")
