"""An M2M100 checkpoint as a model: loaded, described, and decoded in flight."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from typing import Any

from transformers import M2M100ForConditionalGeneration

from batcher.models.contract import Input, InvalidInput, Output
from batcher.models.errors import ModelSpecError
from batcher.models.files.network import load_network
from batcher.models.files.weights import Weights
from batcher.models.layers.dtype_advice import advise
from batcher.models.settings import ModelSettings
from batcher.models.translation.checkpoint import check_family, read_checkpoint
from batcher.models.translation.decoding import Decoding, most_pieces, revision, with_settings
from batcher.models.translation.engine import InFlightEngine
from batcher.models.translation.inputs import InputReader
from batcher.models.translation.network import Network
from broker.messages import FailureCode, Job

ACTIVATION = "relu"  # of the family
WARM_UP = ((1, 8), (8, 16))  # (rows, source tokens) that warm up
WARM_UP_TOKENS = 8  # of the answers to them


class InFlightTranslation:
    """An input is `{"source": array("i") [language, pieces…, end], "target": language id, "max_new_tokens"?: int}`.

    An output is array("i"), the pieces of the answer; or `{"pieces": array("i"), "degenerate"?: True, "truncated"?:
    True}` where no good one was found, or where it reached its limit before its end. Decoding is the checkpoint's own,
    unless settings say otherwise; never sampled. `max_new_tokens` counts the language; a row may ask for less than the
    checkpoint, not for more.
    """

    def __init__(self, weights: Weights, settings: ModelSettings) -> None:
        check_family(weights)
        loaded = load_network(M2M100ForConditionalGeneration, weights, settings)
        config, decoding, state = loaded.config, loaded.generation_config, loaded.state_dict()
        del loaded  # its weights go one by one, as they are packed
        _check_computation(weights, config)
        checkpoint = read_checkpoint(weights, config)
        self._decoding = Decoding.of(with_settings(decoding, settings))
        _check_positions(weights, self._decoding.longest, config.max_position_embeddings)
        self._network = Network(state, config, settings.dtype)
        if self._network.device.type == "cpu":
            advise(config.d_model, config.decoder_ffn_dim, settings.dtype)
        self._guard = settings.guard
        self._languages = frozenset(checkpoint.language_ids.values())
        self._reader = InputReader(
            vocabulary=config.vocab_size,
            longest_source=checkpoint.max_cost,
            longest_answer=self._decoding.longest,
            languages=self._languages,
        )
        self.about = checkpoint.about(
            revision(weights, settings, guard=settings.guard),
            longest_answer=most_pieces(self._decoding.longest),
            split=settings.split,
        )

    def in_flight(
        self, *, max_size: int = 64, max_tokens: int = 16384, progress: Callable[[], None] = lambda: None
    ) -> InFlightEngine:
        """An engine of its own slots on these weights."""
        return InFlightEngine(
            self._network,
            self._decoding,
            self._reader,
            guard=self._guard,
            max_size=max_size,
            max_tokens=max_tokens,
            progress=progress,
        )

    def cost(self, input: Input) -> int:
        return len(input["source"])

    def warm_up(self) -> None:
        target = min(self._languages)
        for rows, tokens in WARM_UP:
            source = array("i", [target] * min(tokens, self._reader.longest_source))
            self.forward([{"source": source, "target": target, "max_new_tokens": WARM_UP_TOKENS}] * rows)

    def forward(self, inputs: Sequence[Input]) -> list[Output]:
        """All of them, start to end. Raises `InvalidInput` if one is, and `RuntimeError` where the network fails."""
        engine = self.in_flight()
        engine.admit([Job(id=str(number), front_end="", input=input) for number, input in enumerate(inputs)])
        outputs: dict[str, Output] = {}
        while len(outputs) < len(inputs):
            for done in engine.step():
                if done.failure is not None:
                    is_invalid = done.failure.code is FailureCode.INVALID_INPUT
                    raise (InvalidInput if is_invalid else RuntimeError)(done.failure.message)
                outputs[done.job_id] = done.output
        return [outputs[str(number)] for number in range(len(inputs))]


def _check_computation(weights: Weights, config: Any) -> None:
    if config.activation_function != ACTIVATION:
        raise ModelSpecError(f"{weights.directory} computes with {config.activation_function}: say engine=reference")
    if not config.tie_word_embeddings:
        raise ModelSpecError(f"{weights.directory} has more than one table of embeddings: say engine=reference")


def _check_positions(weights: Weights, longest: int, positions: int) -> None:
    """`longest`: tokens of a sequence, start and language included. The last one is never looked up."""
    if longest > positions + 1:
        raise ModelSpecError(
            f"{weights.directory} has positions for answers of {positions} tokens, and {longest - 1} are asked for: "
            f"say max_new_tokens={positions}, or less"
        )
