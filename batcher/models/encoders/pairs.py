"""Pairs of texts to scores: how well each text answers a query, or whether one follows from the other."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForSequenceClassification

from batcher.models.contract import Input
from batcher.models.encoders.encoder import PLAIN, Encoder
from batcher.models.encoders.recipe import MODULES, SENTENCES, Recipe, read_transformer
from batcher.models.encoders.rows import ids_of
from batcher.models.errors import ModelSpecError
from batcher.models.files.weights import Weights
from batcher.models.layers.tensors import memory_errors, vectors
from batcher.models.settings import ModelSettings

SIGMOID = "torch.nn.Sigmoid"
ACTIVATIONS: Mapping[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "Sigmoid": torch.sigmoid,
    "Identity": lambda logits: logits,
}
FIXED = {  # settings of the Transformer of a CrossEncoder that may have no other value
    "transformer_task": "sequence-classification",
    "modality_config": {"text": {"method": "forward", "method_output_name": "logits"}},
    "module_output_name": "scores",
}


class Pairs:
    """A classifier of pairs. An input is {"ids": …, "second": n}, or ids alone where the tokenizer has no token types.

    A pair that is too long arrives truncated, whatever `long_text` says: halves of a pair have no mean.
    """

    def __init__(self, kind: str, weights: Weights, settings: ModelSettings, recipe: Recipe = PLAIN) -> None:
        settings = replace(settings, long_text="truncate")
        self._encoder = Encoder(AutoModelForSequenceClassification, weights, settings, recipe)
        self.pads, self.config = self._encoder.pads, self._encoder.config
        _check_types(self._encoder, weights)
        scores = self._encoder.first(self._encoder.pair_logits)
        if len(scores) != self.config.num_labels:
            raise ModelSpecError(
                f"{weights.directory} names {self.config.num_labels} labels, its head {len(scores)} scores"
            )
        self.about = self._encoder.about(
            task=kind,
            codec=kind,
            revision=weights.revision(kind, settings.dtype),
            options={"token_types": self._encoder.has_types},
        )

    def cost(self, input: Input) -> int:
        return len(ids_of(input) or ())

    def warm_up(self) -> None:
        self._encoder.warm_up(self.forward)

    @torch.inference_mode()
    def forward(self, inputs: Sequence[Input]) -> list[array[float]]:
        with memory_errors():
            logits = self._encoder.pair_logits(inputs)
            # An infinite logit would pass for a score of 1 or 0: its row is no answer.
            return vectors(self._outputs(logits.masked_fill(~logits.isfinite().all(-1, keepdim=True), float("nan"))))

    def _outputs(self, logits: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError


class Rerank(Pairs):
    """An output is array("f") of one score, as CrossEncoder of sentence-transformers gives it: the sigmoid of the
    logit, or what the checkpoint names instead."""

    def __init__(self, weights: Weights, settings: ModelSettings) -> None:
        labels = len(_label_ids(weights)[0])
        if labels != 1:
            raise ModelSpecError(
                f"{weights.directory} has {labels} labels; a reranker has one, the score of a pair. "
                "Serve it as classification, or as zero-shot where it tells what follows from a text"
            )
        self._activate = ACTIVATIONS[_activation(weights)]
        super().__init__("rerank", weights, settings, _recipe(weights))

    def _outputs(self, logits: torch.Tensor) -> torch.Tensor:
        return self._activate(logits)


class ZeroShot(Pairs):
    """An output is array("f") of two logits, those of entailment and of contradiction, found by their labels as the
    pipeline of transformers finds them."""

    def __init__(self, weights: Weights, settings: ModelSettings) -> None:
        names, numbers = _label_ids(weights)
        entails = [number for name, number in numbers.items() if name.lower().startswith("entail")]
        if not entails or len(names) < 2 or not 0 <= entails[0] < len(names):
            raise ModelSpecError(
                f"{weights.directory} has the labels {', '.join(map(str, names))}: a zero-shot classifier is trained "
                "to tell what follows from a text, and has a label entailment in the label2id of its config.json"
            )
        self._columns = [entails[0], len(names) - 1 if entails[0] == 0 else 0]
        super().__init__("zero-shot", weights, settings)

    def _outputs(self, logits: torch.Tensor) -> torch.Tensor:
        return logits[:, self._columns]


def _label_ids(weights: Weights) -> tuple[Sequence[str], Mapping[str, int]]:
    """The labels, and the number of each, as transformers reads them: the two need not agree."""
    try:
        config = AutoConfig.from_pretrained(weights.directory, local_files_only=True)
    except Exception as error:  # broken files raise all kinds of things
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ModelSpecError(f"{weights.directory} cannot be loaded: {reason}") from error
    return list(config.id2label.values()), config.label2id


def _activation(weights: Weights) -> str:
    """What turns the logit into a score; sentence-transformers has written it into three places."""
    config = weights.json_object("config.json")
    named = [
        weights.json_object(SENTENCES).get("activation_fn") if weights.has(MODULES) else None,
        (config.get("sentence_transformers") or {}).get("activation_fn"),
        config.get("sbert_ce_default_activation_function"),
    ]
    path = str(next(filter(None, named), SIGMOID))
    name = path.rpartition(".")[2]
    if not path.startswith("torch.nn.") or name not in ACTIVATIONS:
        raise ModelSpecError(f"{weights.directory} asks for the activation {path}; here are {', '.join(ACTIVATIONS)}")
    return name


def _recipe(weights: Weights) -> Recipe:
    """What a directory of sentence-transformers says besides; one without modules.json is read by transformers alone.

    Raises `ModelSpecError` for what would be served otherwise than its makers mean.
    """
    if weights.has("chat_template.jinja") or weights.json_object("tokenizer_config.json").get("chat_template"):
        raise ModelSpecError(
            f"{weights.directory} has a chat template: its pairs are messages, which is not served here"
        )
    if not weights.has(MODULES):
        return PLAIN
    if weights.json_object(SENTENCES).get("default_prompt_name"):
        raise ModelSpecError(f"{weights.directory} puts a prompt before its texts, which is not served here")
    modules = [
        (str(one.get("type")), str(one.get("path"))) for one in weights.json_array(MODULES) if isinstance(one, dict)
    ]
    if [(kind.rpartition(".")[2], path) for kind, path in modules] != [("Transformer", "")]:
        said = ", ".join(kind for kind, _ in modules)
        raise ModelSpecError(f"{weights.directory} has the modules {said}, where only a Transformer in it is served")
    return replace(PLAIN, **read_transformer(weights, FIXED))


def _check_types(encoder: Encoder, weights: Weights) -> None:
    types = encoder.pair_types()
    known: Any = getattr(encoder.config, "type_vocab_size", None)
    if encoder.has_types and known and max(types, default=0) >= known:
        raise ModelSpecError(
            f"{weights.directory} has a tokenizer that gives two token types, its network knows {known}"
        )
