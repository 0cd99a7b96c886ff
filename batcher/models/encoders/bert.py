"""The BERT family without padding: token ids in, a hidden state for every token out.

Post-norm Transformer encoder (Devlin et al. 2018): learned positions, every token sees its whole text. RoBERTa,
XLM-RoBERTa and CamemBERT count positions from their padding id on; DistilBERT has other names for the same weights.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch.nn import functional

from batcher.models.encoders.packed_sequences import PackedSequences
from batcher.models.layers.loader import LayerLoader, State
from batcher.policy.packing import fill

ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "gelu": functional.gelu,
    "gelu_new": partial(functional.gelu, approximate="tanh"),
    "relu": functional.relu,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerNames:
    """What a family calls the weights of a layer in its checkpoints."""

    layer: str
    qkv: tuple[str, str, str]
    attended: str
    attention_norm: str
    widen: str
    narrow: str
    norm: str


BERT = LayerNames(
    layer="encoder.layer",
    qkv=("attention.self.query", "attention.self.key", "attention.self.value"),
    attended="attention.output.dense",
    attention_norm="attention.output.LayerNorm",
    widen="intermediate.dense",
    narrow="output.dense",
    norm="output.LayerNorm",
)
DISTILBERT = LayerNames(
    layer="transformer.layer",
    qkv=("attention.q_lin", "attention.k_lin", "attention.v_lin"),
    attended="attention.out_lin",
    attention_norm="sa_layer_norm",
    widen="ffn.lin1",
    narrow="ffn.lin2",
    norm="output_layer_norm",
)
FAMILIES = {"bert": BERT, "roberta": BERT, "xlm-roberta": BERT, "camembert": BERT, "distilbert": DISTILBERT}
COUNT_FROM_PADDING = ("roberta", "xlm-roberta", "camembert")
# Tokens computed at a time: what one layer gives the next stays in the processor's cache, and its memory is reused.
CHUNK = 512
EPSILON = 1e-12  # of DistilBERT's norms, whose config says nothing of it


def is_supported(config: Any) -> bool:
    """Whether these weights compute as this file does; others need their own network."""
    return (
        config.model_type in FAMILIES
        and _activation(config) in ACTIVATIONS
        and not getattr(config, "is_decoder", False)
        and not getattr(config, "add_cross_attention", False)
        # Relative positions: older checkpoints may ask for them, and newer libraries no longer know them.
        and getattr(config, "position_embedding_type", "absolute") == "absolute"
    )


class Bert:
    """The encoder of one checkpoint, packed for its numbers. `state` is that of the encoder alone, without a head."""

    def __init__(self, state: State, config: Any, dtype: str) -> None:
        loader = LayerLoader(state, dtype)
        names, epsilon = FAMILIES[config.model_type], getattr(config, "layer_norm_eps", EPSILON)
        self._embed = _Embedding(loader.under("embeddings."), config, epsilon)
        self._layers = [
            _Layer(loader.under(f"{names.layer}.{number}."), names, config, epsilon)
            for number in range(config.num_hidden_layers)
        ]

    def __call__(self, rows: Sequence[array[int]], seconds: Sequence[int] | None = None) -> list[torch.Tensor]:
        """For each row of ids, none empty, its last hidden states [tokens, width]. `seconds`: from where on
        the tokens of each are of type 1; None where all are of type 0."""
        states: dict[int, torch.Tensor] = {}
        for numbers in fill([len(row) for row in rows], max_tokens=CHUNK):
            texts = PackedSequences([rows[number] for number in numbers])
            begin = None if seconds is None else [seconds[number] for number in numbers]
            states |= zip(numbers, self._states(texts, begin), strict=True)
        return [states[number] for number in range(len(rows))]

    def _states(self, texts: PackedSequences, seconds: Sequence[int] | None) -> Sequence[torch.Tensor]:
        x = self._embed(texts, seconds)
        for layer in self._layers:
            x = layer(x, texts)
        return torch.split(x, texts.lengths)


class _Embedding:
    def __init__(self, loader: LayerLoader, config: Any, epsilon: float) -> None:
        self._words = loader.weight("word_embeddings")
        self._positions = loader.weight("position_embeddings")
        self._longest = len(self._positions)
        if loader.has("token_type_embeddings"):
            # A table for each type, one after another: to a text alone, which is of type 0, its types cost nothing.
            types = loader.weight("token_type_embeddings")
            self._positions = torch.cat([self._positions + row for row in types])
        self._norm = loader.norm("LayerNorm", epsilon)
        self._padding: int | None = config.pad_token_id if config.model_type in COUNT_FROM_PADDING else None

    def __call__(self, texts: PackedSequences, seconds: Sequence[int] | None) -> torch.Tensor:
        at = self._position_ids(texts)
        if seconds is not None:
            at = at + self._longest * texts.types(seconds)
        return self._norm(self._words[texts.ids] + self._positions[at])

    def _position_ids(self, texts: PackedSequences) -> torch.Tensor:
        if self._padding is None:
            return texts.positions()
        counts = (texts.ids != self._padding).long()  # RoBERTa's way: padding inside a text has its own row
        return texts.count(counts) * counts + self._padding


class _Layer:
    def __init__(self, loader: LayerLoader, names: LayerNames, config: Any, epsilon: float) -> None:
        self._heads = config.num_attention_heads
        self._qkv, self._attended = loader.linear(*names.qkv), loader.linear(names.attended)
        self._attention_norm = loader.norm(names.attention_norm, epsilon)
        self._widen, self._narrow = loader.linear(names.widen), loader.linear(names.narrow)
        self._activate = ACTIVATIONS[_activation(config)]
        self._norm = loader.norm(names.norm, epsilon)

    def __call__(self, x: torch.Tensor, texts: PackedSequences) -> torch.Tensor:
        x = self._attention_norm(x + self._attended(texts.attend(self._qkv(x), self._heads)))
        return self._norm(x + self._narrow(self._activated(self._widen(x))))

    def _activated(self, x: torch.Tensor) -> torch.Tensor:
        # In fp32, which torch computes four times as fast as half the bits where a processor lacks them.
        return self._activate(x.float()).to(x.dtype)


def _activation(config: Any) -> str:
    name: str = config.activation if config.model_type == "distilbert" else config.hidden_act
    return name
