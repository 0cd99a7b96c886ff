"""Directories of sentence-transformers, drawn by seed: every module and setting that is obeyed, in any combination."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from batcher.models.encoders.recipe import MODES, SWITCHES, TRANSFORMER_FILES

WIDTH = 32
# Half of the words have a capital of their own: what is put into lower case is another word.
WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "query", "document", ":", ".")
WORDS += tuple(f"{letter}ord{number}" for number in range(30) for letter in "wW")
PROMPTS = {"query": "query: ", "document": "document: word1 ", "bare": ""}
ACTIVATIONS = ("torch.nn.modules.activation.Tanh", "torch.nn.modules.linear.Identity", "torch.nn.GELU", None)


@dataclass(frozen=True)
class Drawn:
    """A directory, and what the texts of its test may ask for."""

    directory: Path
    prompts: tuple[str | None, ...]


def draw(directory: Path, seed: int) -> Drawn:
    rng = random.Random(seed)
    folders = rng.choice([("", "1_Pooling"), ("0_Transformer", "2_Pooling"), ("", "deep/pooling")])
    network(directory / folders[0], seed)
    modules: list[dict[str, Any]] = []
    add(directory, modules, rng, "Transformer", folders[0])
    if rng.random() < 0.2:
        dense(directory, modules, rng, WIDTH, WIDTH, module_input_name="token_embeddings")
    modes = rng.sample(MODES, k=rng.choice([1, 1, 1, 2, 3, 6]))
    add(directory, modules, rng, "Pooling", folders[1], pooling(rng, modes))
    finish(directory, modules, rng, WIDTH * len(modes))
    put(directory / "modules.json", modules)
    put(directory / folders[0] / rng.choice(TRANSFORMER_FILES), settings(rng))
    names = prompts(directory, rng)
    return Drawn(directory, names)


def network(directory: Path, seed: int = 0) -> None:
    torch.manual_seed(seed)
    shape = {"hidden_size": WIDTH, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    config = BertConfig(vocab_size=len(WORDS), max_position_embeddings=48, initializer_range=0.4, **shape)
    BertModel(config).save_pretrained(directory)
    tokenizer(model_max_length=40).save_pretrained(directory)


def tokenizer(**options: Any) -> PreTrainedTokenizerFast:
    words = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    return PreTrainedTokenizerFast(tokenizer_object=words, **names, **options)


def pooling(rng: random.Random, modes: list[str]) -> dict[str, Any]:
    counts = {"include_prompt": False} if rng.random() < 0.3 else {}
    if rng.random() < 0.5:
        shuffled = rng.sample(sorted(SWITCHES), k=len(SWITCHES))
        return {"word_embedding_dimension": WIDTH, **{key: SWITCHES[key] in modes for key in shuffled}, **counts}
    said: Any = modes[0] if len(modes) == 1 and rng.random() < 0.5 else modes
    return {"embedding_dimension": WIDTH, "pooling_mode": said, **counts}


def finish(directory: Path, modules: list[dict[str, Any]], rng: random.Random, width: int) -> None:
    """Any of the modules that work on vectors, in any order."""
    for kind in rng.sample(["Dense", "Dense", "LayerNorm", "Normalize", "Dropout"], k=rng.randrange(5)):
        if kind == "Dense":
            width = dense(directory, modules, rng, width, rng.choice([width, 12]))
        else:
            config = {"LayerNorm": {"dimension": width}, "Dropout": {"dropout": 0.5}}.get(kind, {})
            weights = {"norm.weight": torch.randn(width), "norm.bias": torch.randn(width)}
            folder = f"{len(modules)}_{kind}"
            add(directory, modules, rng, kind, folder, config, weights if kind == "LayerNorm" else None)


def dense(
    directory: Path, modules: list[dict[str, Any]], rng: random.Random, width: int, out: int, **config: Any
) -> int:
    bias, activation, residual = rng.random() < 0.7, rng.choice(ACTIVATIONS), rng.random() < 0.3
    config |= {"in_features": width, "out_features": out, "bias": bias}
    config |= {"activation_function": activation} if activation else {}
    config |= {"use_residual": True} if residual else {}
    weights = {"linear.weight": torch.randn(out, width) / width**0.5}
    weights |= {"linear.bias": torch.randn(out)} if bias else {}
    weights |= {"residual.weight": torch.randn(out, width)} if residual and out != width else {}
    add(directory, modules, rng, "Dense", f"{len(modules)}_Dense", config, weights)
    return out


def add(
    directory: Path,
    modules: list[dict[str, Any]],
    rng: random.Random,
    kind: str,
    folder: str,
    config: dict[str, Any] | None = None,
    weights: dict[str, torch.Tensor] | None = None,
) -> None:
    old = rng.random() < 0.5
    where = "base" if kind in ("Transformer", "Dense", "Normalize") else "sentence_transformer"
    full = f"models.{kind}" if old else f"{where}.modules.{module_file(kind)}.{kind}"
    number, kind_of = len(modules), f"sentence_transformers.{full}"
    modules.append({"idx": number, "name": str(number), "path": folder, "type": kind_of})
    if config is not None:
        put(directory / folder / "config.json", config)
    if weights:
        save_file(weights, directory / folder / "model.safetensors")


def module_file(kind: str) -> str:
    return "layer_norm" if kind == "LayerNorm" else kind.lower()


def settings(rng: random.Random) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if rng.random() < 0.7:
        said["max_seq_length"] = rng.choice([8, 16, 40])
    if rng.random() < 0.6:
        said["do_lower_case"] = rng.random() < 0.5
    return said


def prompts(directory: Path, rng: random.Random) -> tuple[str | None, ...]:
    """Names that may be asked for; None asks for no name."""
    config: dict[str, Any] = {"__version__": {"sentence_transformers": "2.0.0"}}
    names: tuple[str | None, ...] = (None, "query")
    if rng.random() < 0.6:
        config["prompts"] = PROMPTS
        names = (None, *PROMPTS)
        if rng.random() < 0.5:
            config["default_prompt_name"] = rng.choice(sorted(PROMPTS))
    if rng.random() < 0.3:
        config["truncate_dim"] = 7
    put(directory / "config_sentence_transformers.json", config)
    return names


def put(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
