"""How models compute: one row per setting, each a flag, an environment variable, and an option of a model spec."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, get_type_hints

from broker.settings import setting

DTYPES = ("fp32", "bf16", "fp16", "int8")
MOST_BEAMS = 32
ENGINES = ("in-flight", "reference")
LONG_TEXT = ("average", "truncate")
NORMALIZE = ("auto", "on", "off")
SPLITS = ("sentence", "budget")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """What changes answers is part of a model's revision: `dtype`, and whatever says how its task is done. Each kind of
    model counts in its own: decoding.py of translation, the encoders' files."""

    dtype: str = setting(
        "fp32",
        "numbers the weights are computed in: fp32, bf16, fp16, or (on CPUs) int8",
        choices=DTYPES,
    )
    device: str = setting("auto", "where to compute: auto (the first CUDA card, else the CPU), cpu, cuda or cuda:N")
    threads: int = setting(0, "CPU threads for one forward pass; 0 takes the cores that this process was given")
    beams: int = setting(0, "translation: beams of the search, 1 is greedy; 0 does as the checkpoint says")
    max_new_tokens: int = setting(
        0, "translation: longest answer in tokens, language token included; 0 does as the checkpoint says"
    )
    engine: str = setting(
        "in-flight",
        "translation: in-flight (rows join and leave between steps) or reference (HF generate, batch by batch)",
        choices=ENGINES,
    )
    guard: bool = setting(True, "translation, in-flight: decode an answer that cycles or is empty again, by beams")
    split: str = setting(
        "sentence",
        "translation: sentence (each sentence is a job of its own) or budget (lines too long for the model are cut)",
        choices=SPLITS,
    )
    long_text: str = setting(
        "average",
        "embedding, classification: a text over the model's length is computed in parts and averaged, or truncated",
        choices=LONG_TEXT,
    )
    normalize: str = setting(
        "auto", "embedding: vectors of length 1: auto (as the model's files say), on, off", choices=NORMALIZE
    )
    offline: bool = setting(False, "never ask the hub: models come from directories or its local cache")

    def complaints(self) -> list[str]:
        """What is wrong with these settings, in words for the operator."""
        rules = [
            (self.threads >= 0, "threads must be 0 or more"),
            (0 <= self.beams <= MOST_BEAMS, f"beams must be 0 to {MOST_BEAMS}"),
            (self.max_new_tokens >= 0, "max_new_tokens must be 0 or more"),
        ]
        return [complaint for holds, complaint in rules if not holds]


NAMES = tuple(row.name for row in fields(ModelSettings))


def with_options(settings: ModelSettings, options: Mapping[str, str]) -> ModelSettings:
    """These settings, with what a spec's options say instead. Raises `ValueError` in one sentence."""
    kinds = get_type_hints(ModelSettings)
    chosen = {name: _read(name, text, kinds[name]) for name, text in options.items() if name in NAMES}
    return replace(settings, **chosen)


def _read(name: str, text: str, kind: type) -> Any:
    choices = next(row.metadata["choices"] for row in fields(ModelSettings) if row.name == name)
    if kind is bool:
        choices = ("on", "off")
    if choices and text not in choices:
        raise ValueError(f"{name} is one of {', '.join(choices)}")
    if kind is int and not text.isdecimal():
        raise ValueError(f"{name} is a whole number, 0 or more")
    return text == "on" if kind is bool else kind(text)
