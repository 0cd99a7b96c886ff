"""What classification and embedding share: an encoder that reads token ids, and what a front end must know of it."""

from __future__ import annotations

import inspect
from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from batcher.models.contract import About, Input, OutOfMemory
from batcher.models.encoders.bert import is_supported
from batcher.models.encoders.families import check_family
from batcher.models.encoders.padded import Padded
from batcher.models.encoders.recipe import Recipe
from batcher.models.encoders.rows import ids_of, second_of
from batcher.models.encoders.unpadded import Unpadded
from batcher.models.errors import ModelSpecError
from batcher.models.files.network import load_network
from batcher.models.files.tokenizer import load_tokenizer, tokenizer_json, tokenizer_options
from batcher.models.files.weights import Weights
from batcher.models.layers.dtype_advice import advise_network
from batcher.models.layers.tensors import check_ids, memory_errors
from batcher.models.settings import ModelSettings

UNBOUNDED = 100_000  # tokens: tokenizer_config.json says 1e30 where nobody knows
FALLBACK = 512  # tokens, where nothing in the directory says how many
WARM_UP = ((1, 8), (8, 32))  # (rows, tokens) of the forwards that warm up
PLAIN = Recipe(steps=())


class Encoder:
    """Inputs are array("i") with the special tokens that the tokenizer's own post-processor adds.

    The front end encodes; nothing but ids arrives here, and of a pair of texts where the second begins. Token type ids
    are left to the network for a single text: they are the zeros that it fills in.
    """

    def __init__(
        self, made_of: Any, weights: Weights, settings: ModelSettings, recipe: Recipe = PLAIN, **config: Any
    ) -> None:
        check_family(made_of, weights)
        self._tokenizer = _tokenizer(weights, recipe)
        network = load_network(made_of, weights, settings, **config)
        self.device, self.config = network.device, network.config
        self.longest = _longest(network, weights, self._tokenizer, recipe, settings)
        self._weights, self._settings = weights, settings
        self._vocabulary = int(self.config.get_text_config().vocab_size)
        self.has_types = "token_type_ids" in self._tokenizer.model_input_names and _takes_types(network)
        self._network = _computing(network, settings.dtype)
        self.pads = self._network.pads

    def states(self, inputs: Sequence[Input]) -> list[torch.Tensor]:
        """For each input its last hidden states [tokens, width]. Raises `InvalidInput`."""
        return self._network.states(self._rows(inputs))

    def logits(self, inputs: Sequence[Input]) -> torch.Tensor:
        """[inputs, labels] in fp32, where the network has a classifier. Raises `InvalidInput`."""
        return self._network.logits(self._rows(inputs)).float()

    def pair_logits(self, inputs: Sequence[Input]) -> torch.Tensor:
        """`logits`, for inputs that may be pairs of texts."""
        rows = self._rows([ids_of(input) for input in inputs])
        seconds = [second_of(*pair) for pair in zip(inputs, rows, strict=True)] if self.has_types else None
        return self._network.logits(rows, seconds).float()

    def pair_types(self) -> Sequence[int]:
        """The token types of a pair of short texts, none where the tokenizer gives none.

        Raises `ModelSpecError` where front ends could not make it of tokenizer.json as transformers does.
        """
        said = self._tokenizer("a", "a")
        types: Sequence[int] = said.get("token_type_ids", ())
        if self._tokenizer.backend_tokenizer.encode("a", "a").ids != said["input_ids"] or list(types) != sorted(types):
            raise ModelSpecError(f"{self._weights.directory} has a tokenizer whose pairs tokenizer.json cannot make")
        return types

    def _rows(self, inputs: Sequence[Input]) -> list[array[int]]:
        return [check_ids(ids, vocabulary=self._vocabulary, longest=self.longest) for ids in inputs]

    @torch.inference_mode()
    def first(self, compute: Any) -> torch.Tensor:
        """What `states` or `logits` gives for one short text. Raises `ModelSpecError` for what cannot compute one."""
        try:
            with memory_errors():
                result: torch.Tensor = compute([array("i", [1] * min(2, self.longest))])[0]
                return result
        except OutOfMemory:
            raise
        except Exception as error:  # whatever a network says that wants more than token ids
            reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
            kind = self.config.model_type
            raise ModelSpecError(f"{self._weights.directory} ({kind}) cannot compute a text: {reason}") from error

    def prompt_tokens(self, prompt: str) -> int:
        """How many tokens a prompt begins a text with, as sentence-transformers counts them."""
        if not prompt:
            return 0
        ids = self._tokenizer(prompt, truncation=True, max_length=self.longest)["input_ids"]
        return len(ids) - (1 if ids and ids[-1] in self._tokenizer.all_special_ids else 0)

    def about(
        self,
        *,
        task: str,
        revision: str,
        codec: str = "text",
        labels: Sequence[str] = (),
        options: Mapping[str, Any] | None = None,
    ) -> About:
        return About(
            task=task,
            codec=codec,
            revision=revision,
            max_cost=self.longest,
            labels=labels,
            files={"tokenizer.json": tokenizer_json(self._tokenizer)},
            options={**tokenizer_options(self._tokenizer), "long_text": self._settings.long_text, **(options or {})},
            description=str(self._weights.notes.get("description", "")),
        )

    def warm_up(self, forward: Callable[[Sequence[Input]], object]) -> None:
        """Batches that make every library choose its kernels before the first caller waits."""
        for rows, tokens in WARM_UP:
            forward([array("i", [1] * min(tokens, self.longest))] * rows)


def _computing(network: Any, dtype: str) -> Unpadded | Padded:
    """Without padding where this is known to compute the same; the way of transformers elsewhere."""
    if network.device.type != "cpu":
        return Padded(network, dtype)
    advise_network(network, dtype)
    return Unpadded(network, dtype) if is_supported(network.config) else Padded(network, dtype)


def _takes_types(network: Any) -> bool:
    return "token_type_ids" in inspect.signature(network.forward).parameters


def _tokenizer(weights: Weights, recipe: Recipe) -> Any:
    options = dict(recipe.tokenizer_options)
    if recipe.max_seq_length is not None:
        options.setdefault("model_max_length", recipe.max_seq_length)
    return load_tokenizer(weights, options, lower_case=recipe.do_lower_case)


def _longest(network: Any, weights: Weights, tokenizer: Any, recipe: Recipe, settings: ModelSettings) -> int:
    """Tokens, special ones included: the least of what jitney.json, the tokenizer and the network say."""
    limits = [weights.notes.get("max_cost"), tokenizer.model_max_length, _positions(network)]
    known = [int(length) for length in limits if length and length < UNBOUNDED]
    if not known and settings.long_text == "truncate":
        raise ModelSpecError(
            f"{weights.directory} does not say how long a text may be, so it cannot be truncated: "
            'say so in its jitney.json, as in {"max_cost": 512}'
        )
    return min(known, default=FALLBACK)


def _positions(network: Any) -> int | None:
    """Rows of the position table that a token can have: RoBERTa and its kin count from the padding's row on."""
    for name, part in network.named_modules():
        if name.endswith("position_embeddings") and isinstance(part, nn.Embedding):
            return part.num_embeddings - (0 if part.padding_idx is None else part.padding_idx + 1)
    positions = getattr(network.config.get_text_config(), "max_position_embeddings", None)
    return int(positions) if positions and positions > 0 else None
