"""What classification and embedding share: an encoder that reads token ids, and what a front end must know of it."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn
from transformers import AutoTokenizer

from batcher.models.advice import advise
from batcher.models.bert import covers
from batcher.models.contract import About, Input
from batcher.models.errors import ModelSpecError
from batcher.models.padded import Padded
from batcher.models.settings import ModelSettings
from batcher.models.tensors import check_ids, load_network
from batcher.models.unpadded import Unpadded
from batcher.models.weights import Weights

UNBOUNDED = 100_000  # tokens: tokenizer_config.json says 1e30 where nobody knows
FALLBACK = 512  # tokens, where nothing in the directory says how many
WARM = ((1, 8), (8, 32))  # (rows, tokens) of the forwards that warm up


class Encoder:
    """Inputs are array("i") with the special tokens that the tokenizer's own post-processor adds.

    The front end encodes; nothing but ids arrives here. Token type ids are left to the network: for a single text they
    are the zeros that it fills in.
    """

    def __init__(self, made_of: Any, weights: Weights, settings: ModelSettings) -> None:
        network = load_network(made_of, weights, settings)
        self.config = network.config
        if self.config.pad_token_id is None:
            self.config.pad_token_id = 0
        self.longest = _longest(network, weights)
        self._weights = weights
        self._vocabulary = int(self.config.vocab_size)
        self._network = _ready(network, settings.dtype)
        self.pads = self._network.pads

    def states(self, inputs: Sequence[Input]) -> list[torch.Tensor]:
        """For each input its last hidden states [tokens, width]. Raises `InvalidInput`."""
        return self._network.states(self._rows(inputs))

    def logits(self, inputs: Sequence[Input]) -> torch.Tensor:
        """[inputs, labels] in fp32, where the network has a classifier. Raises `InvalidInput`."""
        return self._network.logits(self._rows(inputs)).float()

    def _rows(self, inputs: Sequence[Input]) -> list[array[int]]:
        return [check_ids(ids, vocabulary=self._vocabulary, longest=self.longest) for ids in inputs]

    def about(self, *, task: str, revision: str, labels: Sequence[str] = ()) -> About:
        return About(
            task=task,
            codec="text",
            revision=revision,
            max_cost=self.longest,
            labels=labels,
            files={"tokenizer.json": _tokenizer(self._weights)},
            options={"pad_id": self.config.pad_token_id},
            description=str(self._weights.notes.get("description", "")),
        )

    def warm_up_inputs(self) -> Iterator[list[array[int]]]:
        """Batches that make every library choose its kernels before the first caller waits."""
        for rows, tokens in WARM:
            yield [array("i", [1] * min(tokens, self.longest))] * rows


def _ready(network: Any, dtype: str) -> Unpadded | Padded:
    """Without padding where this is known to compute the same; the way of transformers elsewhere."""
    if network.device.type != "cpu":
        return Padded(network, dtype)
    linears = [part.weight for part in network.modules() if isinstance(part, nn.Linear)]
    if linears:
        hidden, width = max(linears, key=torch.Tensor.numel).shape  # its widest layer, which takes most of its time
        advise(width, hidden, dtype)
    return Unpadded(network, dtype) if covers(network.config) else Padded(network, dtype)


def _tokenizer(weights: Weights) -> bytes:
    """The directory's tokenizer.json; where it has an older vocabulary instead, what transformers makes of that."""
    if (weights.directory / "tokenizer.json").is_file():
        return weights.read("tokenizer.json")
    try:
        tokenizer = AutoTokenizer.from_pretrained(weights.directory, local_files_only=True)
    except (OSError, ValueError) as error:
        raise ModelSpecError(f"{weights.directory} holds no tokenizer.json, and nothing to make one from") from error
    if not tokenizer.is_fast:
        raise ModelSpecError(f"{weights.directory} has a tokenizer that cannot be written as tokenizer.json")
    text: str = tokenizer.backend_tokenizer.to_str()
    return text.encode()


def _longest(network: Any, weights: Weights) -> int:
    """Tokens, special ones included: the least of what the network, its tokenizer and its makers say."""
    said = [
        weights.notes.get("max_cost"),
        weights.json_object("sentence_bert_config.json").get("max_seq_length"),
        weights.json_object("tokenizer_config.json").get("model_max_length"),
        _positions(network),
    ]
    return min((int(length) for length in said if length and length < UNBOUNDED), default=FALLBACK)


def _positions(network: Any) -> int | None:
    """Rows of the position table that a token can have: RoBERTa and its kin count from the padding's row on."""
    for name, part in network.named_modules():
        if name.endswith("position_embeddings") and isinstance(part, nn.Embedding):
            return part.num_embeddings - (0 if part.padding_idx is None else part.padding_idx + 1)
    positions = getattr(network.config, "max_position_embeddings", None)
    return int(positions) if positions else None
