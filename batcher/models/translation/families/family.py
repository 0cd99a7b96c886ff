"""Which family a directory is of; others with the same network, or another, are refused by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import ModuleType

from batcher.models.errors import ModelSpecError
from batcher.models.files.weights import Weights
from batcher.models.translation.families import m2m100, nllb

MODEL_TYPE = "m2m_100"
SERVED = "translation serves M2M100 and NLLB-200 checkpoints"
# Architectures that people try and that are not served here, as their makers call them.
OTHER_FAMILIES: Mapping[str, str] = {
    "nllb-moe": "NLLB (mixture of experts)",
    "small100": "SMaLL-100",
    "mbart": "mBART",
    "marian": "Marian (OPUS-MT)",
    "t5": "T5 or MADLAD",
    "mt5": "mT5",
    "umt5": "UMT5",
    "fsmt": "FSMT",
    "seamless_m4t": "SeamlessM4T",
    "seamless_m4t_v2": "SeamlessM4T",
    "bart": "BART",
    "None": "of no family that its config.json names",
}
SMALL_100 = re.compile(r"small[-_]?100")


def family_of(weights: Weights) -> ModuleType:
    """The module that reads it, by `check` and `read`. Raises `ModelSpecError` for another architecture."""
    found = str(weights.json_object("config.json").get("model_type"))
    if found != MODEL_TYPE:
        _refuse(weights, found)
    # The same network with another vocabulary, or told the language elsewhere, would answer with noise.
    if nllb.is_nllb(weights):
        return nllb
    names = _names(weights)
    if SMALL_100.search(names):
        _refuse(weights, "small100")
    if "nllb" in names:
        raise ModelSpecError(
            f"{weights.directory} is NLLB by its name, and its tokenizer is none of NLLB's: say "
            '"tokenizer_class": "NllbTokenizer" in its tokenizer_config.json if it is'
        )
    return m2m100


def _refuse(weights: Weights, family: str) -> None:
    called = f"{OTHER_FAMILIES[family]}, which is not served" if family in OTHER_FAMILIES else f"a {family} model"
    raise ModelSpecError(f"{weights.directory} is {called}; {SERVED}")


def _names(weights: Weights) -> str:
    """All that may give a family away, in lower case."""
    config, tokenizer = weights.json_object("config.json"), weights.json_object("tokenizer_config.json")
    files = (path.name for path in weights.directory.iterdir())
    hub_folders = (part for part in weights.directory.parts if part.startswith("models--"))
    names = (
        tokenizer.get("tokenizer_class"),
        config.get("_name_or_path"),
        weights.directory.name,
        *hub_folders,
        *files,
    )
    return " ".join(map(str, names)).lower()
