"""M2M100 as it computes: an encoder over all tokens of its texts, and a decoder that takes one token of every row.

Pre-norm Transformer (Vaswani et al. 2017, Fan et al. 2020): sinusoidal positions, ReLU, biases everywhere but in the
output layer, whose weights are those of the embedding. Nothing is padded outside of attention: rows are tokens.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from batcher.models.encoders.packed_sequences import PackedSequences
from batcher.models.layers.linear import pack
from batcher.models.layers.loader import LayerLoader, State
from batcher.models.translation.attention import DecodeState, attend_past, attend_source

OFFSET = 2  # rows of the position table before that of the first token: the family counts from its padding id, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The sizes of a checkpoint."""

    width: int
    heads: int
    layers: int  # of the decoder
    longest: int  # tokens of a text

    @property
    def head(self) -> int:
        return self.width // self.heads


class Network:
    """The weights of one checkpoint, packed for their numbers, and the two computations that use them."""

    def __init__(self, state: State, config: Any, dtype: str) -> None:
        self.shape = Shape(
            width=config.d_model,
            heads=config.decoder_attention_heads,
            layers=config.decoder_layers,
            longest=config.max_position_embeddings,
        )
        self.vocabulary = int(config.vocab_size)
        self._embedding = state["model.shared.weight"].clone()
        self._scale = math.sqrt(config.d_model) if config.scale_embedding else 1.0
        self._padding = int(config.pad_token_id)
        self._positions = _sinusoids(OFFSET + config.max_position_embeddings, config.d_model).to(self._embedding)
        encoder = LayerLoader(state, dtype, "model.encoder.")
        decoder = LayerLoader(state, dtype, "model.decoder.", many_rows=False)
        self._encoder = [
            _EncoderLayer(encoder.under(f"layers.{number}."), config.encoder_attention_heads)
            for number in range(config.encoder_layers)
        ]
        self._encoder_norm, self._decoder_norm = encoder.norm("layer_norm"), decoder.norm("layer_norm")
        self._decoder = [_DecoderLayer(decoder.under(f"layers.{number}.")) for number in range(self.shape.layers)]
        # Keys and values of the source for every layer of the decoder, in one product over all tokens of the texts.
        self._source = LayerLoader(state, dtype, "model.decoder.layers.").linear(
            *(f"{number}.encoder_attn.{kind}_proj" for number in range(self.shape.layers) for kind in "kv")
        )
        self._output = pack(state["lm_head.weight"], None, dtype)

    @property
    def device(self) -> torch.device:
        return self._embedding.device

    @property
    def dtype(self) -> torch.dtype:
        """Of everything that is not a packed weight."""
        return self._embedding.dtype

    def encode(self, sources: Sequence[array[int]]) -> list[torch.Tensor]:
        """For each text [tokens, decoder layers, key and value, width]: what the decoder will attend to."""
        order = sorted(range(len(sources)), key=lambda number: len(sources[number]))
        texts = PackedSequences([sources[number] for number in order])
        ids = texts.ids.to(self.device, non_blocking=True)
        x = self._embedding[ids] * self._scale + self._positions[self._source_positions(ids, texts)]
        for layer in self._encoder:
            x = layer(x, texts)
        projected = self._source(self._encoder_norm(x))
        parts = torch.split(projected.view(len(ids), self.shape.layers, 2, self.shape.width), texts.lengths)
        return [part for _, part in sorted(zip(order, parts, strict=True), key=lambda pair: pair[0])]

    def _source_positions(self, ids: torch.Tensor, texts: PackedSequences) -> torch.Tensor:
        """The family's way: padding inside a text has the row of zeros, and is not counted."""
        counted = (ids != self._padding).long()
        return texts.count(counted) * counted + self._padding

    def decode(self, states: Sequence[DecodeState]) -> torch.Tensor:
        """[rows, width] after one more token of every row, those of each state in turn. Keys and values of the new
        tokens are written into the states' tensors."""
        tokens = torch.cat([state.tokens for state in states])
        positions = torch.cat([state.positions for state in states])
        # The family's way: a padding that was said has the row of zeros.
        places = torch.where(tokens == self._padding, self._padding, positions + OFFSET)
        x = self._embedding[tokens] * self._scale + self._positions[places]
        for number, layer in enumerate(self._decoder):
            x = layer(number, x, states)
        return self._decoder_norm(x)

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """[rows, vocabulary] in fp32."""
        return self._output(hidden).float()


class _EncoderLayer:
    def __init__(self, loader: LayerLoader, heads: int) -> None:
        self._heads = heads
        self._before_attention = loader.norm("self_attn_layer_norm")
        self._qkv = loader.linear("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
        self._out = loader.linear("self_attn.out_proj")
        self._before_ffn = loader.norm("final_layer_norm")
        self._widen, self._narrow = loader.linear("fc1", relu=True), loader.linear("fc2")

    def __call__(self, x: torch.Tensor, texts: PackedSequences) -> torch.Tensor:
        x = x + self._out(texts.attend(self._qkv(self._before_attention(x)), self._heads))
        x = x + self._narrow(self._widen(self._before_ffn(x)))
        return _clamped(x) if x.dtype == torch.float16 else x


class _DecoderLayer:
    def __init__(self, loader: LayerLoader) -> None:
        self._before_past = loader.norm("self_attn_layer_norm")
        self._qkv = loader.linear("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
        self._past_out = loader.linear("self_attn.out_proj")
        self._before_source = loader.norm("encoder_attn_layer_norm")
        self._query, self._source_out = loader.linear("encoder_attn.q_proj"), loader.linear("encoder_attn.out_proj")
        self._before_ffn = loader.norm("final_layer_norm")
        self._widen, self._narrow = loader.linear("fc1", relu=True), loader.linear("fc2")

    def __call__(self, number: int, x: torch.Tensor, states: Sequence[DecodeState]) -> torch.Tensor:
        x = x + self._past_out(_by_state(attend_past, states, number, self._qkv(self._before_past(x))))
        x = x + self._source_out(_by_state(attend_source, states, number, self._query(self._before_source(x))))
        return x + self._narrow(self._widen(self._before_ffn(x)))


def _by_state(
    attend: Callable[[DecodeState, int, torch.Tensor], torch.Tensor],
    states: Sequence[DecodeState],
    layer: int,
    x: torch.Tensor,
) -> torch.Tensor:
    """Rows of one cache attend together; all else is computed for the rows of all."""
    if len(states) == 1:
        return attend(states[0], layer, x)
    parts = torch.split(x, [state.rows for state in states])
    return torch.cat([attend(state, layer, part) for state, part in zip(states, parts, strict=True)])


def _clamped(x: torch.Tensor) -> torch.Tensor:
    """As the family was trained: an overflow of fp16 in the encoder is held at its edge. Whether there is one is not
    asked first: a card would be waited for, and a text beside it would be clamped with it or not."""
    edge = torch.finfo(x.dtype).max - 1000
    return x.clamp(min=-edge, max=edge)


def _sinusoids(rows: int, width: int) -> torch.Tensor:
    """[rows, width]: sines, then cosines, as tensor2tensor made them; the padding's row is zero."""
    half = width // 2
    frequencies = torch.exp(torch.arange(half).float() * -(math.log(10000) / (half - 1)))
    angles = torch.arange(rows).float().unsqueeze(1) * frequencies
    table = functional.pad(torch.cat([angles.sin(), angles.cos()], dim=1), (0, width % 2))
    table[1] = 0.0
    return table
