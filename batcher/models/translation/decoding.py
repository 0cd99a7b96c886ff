"""How answers are searched for: the checkpoint's generation config, with what the settings say instead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from transformers import GenerationConfig

from batcher.models.errors import ModelSpecError
from batcher.models.files.weights import Weights
from batcher.models.settings import ModelSettings
from batcher.models.translation.inputs import PROMPT_TOKENS

DEFAULT_LONGEST = 200  # tokens, where the checkpoint does not say: as the family's checkpoints do
# Options that only HF's `generate` supports, and the values by which a checkpoint says that it does not use them.
UNSUPPORTED: Mapping[str, tuple[Any, ...]] = {
    "min_length": (None, 0),
    "repetition_penalty": (None, 1.0),
    "encoder_repetition_penalty": (None, 1.0),
    "encoder_no_repeat_ngram_size": (None, 0),
    "diversity_penalty": (None, 0.0),
    "num_beam_groups": (None, 1),
    "forced_eos_token_id": (None,),
    "bad_words_ids": (None, []),
    "force_words_ids": (None, []),
    "constraints": (None, []),
    "sequence_bias": (None, {}),
    "suppress_tokens": (None, []),
    "begin_suppress_tokens": (None, []),
    "exponential_decay_length_penalty": (None,),
    "penalty_alpha": (None, 0.0),
    "renormalize_logits": (None, False),
    "guidance_scale": (None, 1),
    "watermarking_config": (None,),
    "stop_strings": (None, []),
    "max_time": (None,),
}
REQUIRED = ("decoder_start_token_id", "eos_token_id", "pad_token_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoding:
    """How the in-flight engine decodes."""

    beams: int  # 1: greedy
    longest: int  # tokens of a sequence, start and language included
    length_penalty: float
    early_stopping: bool | str
    no_repeat: int  # no n-gram of so many tokens twice; 0: any
    start: int
    end: int
    padding: int

    @classmethod
    def of(cls, config: GenerationConfig) -> Decoding:
        """Raises `ModelSpecError` for a config that asks for what only `generate` does."""
        unsupported = [name for name, neutral in UNSUPPORTED.items() if getattr(config, name, None) not in neutral]
        ends = config.eos_token_id if isinstance(config.eos_token_id, list) else [config.eos_token_id]
        if len(ends) != 1:
            unsupported.append("eos_token_id with several ends")
        unsupported += [f"no {name}" for name in REQUIRED if getattr(config, name) is None]
        if config.num_beams == 1 and config.no_repeat_ngram_size:
            unsupported.append("no_repeat_ngram_size without beams")
        if unsupported:
            raise ModelSpecError(
                f"this checkpoint's generation config asks for {', '.join(unsupported)}, "
                "which the in-flight engine does not do: say engine=reference"
            )
        return cls(
            beams=config.num_beams,
            longest=config.max_length,
            length_penalty=1.0 if config.length_penalty is None else config.length_penalty,
            early_stopping=config.early_stopping or False,
            no_repeat=config.no_repeat_ngram_size or 0,
            start=config.decoder_start_token_id,
            end=ends[0],
            padding=config.pad_token_id,
        )


def with_settings(config: Any, settings: ModelSettings) -> Any:
    """The checkpoint's own config, made deterministic; every length counted from the start token, so that both ways of
    telling `generate` the language mean the same by it. Raises `ModelSpecError` where they leave no room for an answer.
    """
    new = settings.max_new_tokens or config.max_new_tokens
    longest = 1 + new if new else config.max_length or DEFAULT_LONGEST
    if longest <= PROMPT_TOKENS:
        raise ModelSpecError(f"answers of {longest - 1} tokens hold the language alone: say max_new_tokens=2, or more")
    config.update(
        do_sample=False,
        temperature=None,
        top_k=None,
        top_p=None,
        num_beams=settings.beams or config.num_beams or 1,
        num_return_sequences=1,
        max_length=longest,
        max_new_tokens=None,
        min_length=1 + config.min_new_tokens if config.min_new_tokens else config.min_length,
        min_new_tokens=None,
    )
    return config


def most_pieces(longest: int) -> int:
    """How many pieces an answer may have in a sequence of so many tokens: what start, language and end leave."""
    return max(0, longest - PROMPT_TOKENS - 1)


def revision(weights: Weights, settings: ModelSettings, *more: object, guard: bool) -> str:
    """Changes with everything that changes answers."""
    how = (settings.dtype, settings.beams, settings.max_new_tokens, guard, settings.split)
    return weights.revision("translation", *how, *more)
