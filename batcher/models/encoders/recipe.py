"""How a sentence-transformers directory makes a vector: its modules and settings, each supported or refused by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import PurePosixPath
from typing import Any, NoReturn

import structlog
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from batcher.models.errors import ModelSpecError
from batcher.models.files.weights import Weights

LIBRARY = "sentence_transformers."
REMEDY = "serve it as a model of your own (docs/custom-model.md)"
# The settings of each module. One that is not here would be ignored silently, so it is refused.
KNOWN = {
    "Pooling": ("embedding_dimension", "word_embedding_dimension", "pooling_mode", "include_prompt"),
    "Dense": (
        "in_features",
        "out_features",
        "bias",
        "activation_function",
        "use_residual",
        "module_input_name",
        "module_output_name",
    ),
    "LayerNorm": ("dimension",),
    "Normalize": ("module_input_name", "module_output_name"),
    "Dropout": ("dropout",),
}
MODES = ("cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken")
# Before version 6 each mode was a switch; their vectors stand in this order, whatever that of the file is.
SWITCHES = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
MODULES, SENTENCES = "modules.json", "config_sentence_transformers.json"
# The first that holds anything is the Transformer's own config.
TRANSFORMER_FILES = tuple(
    f"sentence_{family}_config.json"
    for family in ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")
)
TEXT_ONLY = {"text": {"method": "forward", "method_output_name": "last_hidden_state"}}
SUPPORTED = ("max_seq_length", "do_lower_case", "unpad_inputs")  # the last changes no vector
FIXED = {  # settings that may have no other value
    "transformer_task": "feature-extraction",
    "modality_config": TEXT_ONLY,
    "module_output_name": "token_embeddings",
}
# Older and newer names of what the library's parts are made with.
MODEL_KWARGS = ("model_args", "model_kwargs", "config_args", "config_kwargs")
TOKENIZER_KWARGS = ("tokenizer_args", "processor_kwargs")
IGNORED = ("trust_remote_code", "add_pooling_layer", "attn_implementation", "dtype", "torch_dtype", "use_cache")
TOKENIZER_OPTIONS = (
    "model_max_length",
    "do_lower_case",
    "strip_accents",
    "truncation_side",
    "padding_side",
    "use_fast",
)
DEFAULT_PROMPTS = {"query": "", "document": ""}  # sentence-transformers knows these names with every model


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One module after the network, in the order of modules.json."""

    kind: str
    folder: str
    config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Everything between a text and its vector that is not in the network itself."""

    steps: Sequence[Step]
    network: str = ""  # the folder of the Transformer module
    max_seq_length: int | None = None  # tokens
    do_lower_case: bool = False
    tokenizer_options: Mapping[str, Any] = field(default_factory=dict)
    prompts: Mapping[str, str] = field(default_factory=lambda: dict(DEFAULT_PROMPTS))
    default_prompt: str | None = None
    dimensions: int | None = None  # the first so many numbers of a vector; None keeps all


def read_recipe(weights: Weights) -> Recipe:
    """What the directory says. Raises `ModelSpecError` for what would be served otherwise than its makers mean."""
    if not weights.has(MODULES):
        return _without_modules(weights)
    modules = weights.json_array(MODULES)
    if not modules:
        _refuse(weights, f"has a {MODULES} without any module")
    first, *others = _modules(weights, modules)
    if first.kind != "Transformer":
        _refuse(weights, f"begins with a {first.kind} module, not a Transformer")
    steps = tuple(_step(weights, step) for step in others)
    settings = read_transformer(weights.inside(first.folder)) | _sentences(weights)
    return Recipe(network=first.folder, steps=steps, **settings)


def pooling_modes(config: Mapping[str, Any]) -> tuple[str, ...]:
    """In the order in which their vectors are joined."""
    if modes := config.get("pooling_mode"):
        return (modes,) if isinstance(modes, str) else tuple(modes)
    return tuple(mode for switch, mode in SWITCHES.items() if config.get(switch)) or ("mean",)


def _without_modules(weights: Weights) -> Recipe:
    """As sentence-transformers does with any directory of transformers: the mean; a decoder's last token."""
    for name in ("1_Pooling/config.json", SENTENCES, *TRANSFORMER_FILES):
        if weights.has(name):
            structlog.get_logger(__name__).warning("file not read: there is no modules.json", file=name)
    if weights.has("chat_template.jinja") or weights.json_object("tokenizer_config.json").get("chat_template"):
        _refuse(weights, "has a chat template and no modules.json, so its texts would have to be made into messages")
    config = weights.json_object("config.json")
    architecture = str(next(iter(config.get("architectures") or ()), ""))
    is_decoder = architecture.endswith("ForCausalLM") and config.get("is_causal", True)
    mode = "lasttoken" if is_decoder else "mean"
    return Recipe(steps=(Step(kind="Pooling", folder="", config={"pooling_mode": mode}),))


def _modules(weights: Weights, modules: Sequence[Any]) -> Iterator[Step]:
    names = set()
    for module in modules:
        if not isinstance(module, Mapping) or not {"type", "path"} <= module.keys():
            _refuse(weights, f"has a {MODULES} without the type and path of every module")
        kind, folder = str(module["type"]), str(module["path"])
        if not kind.startswith(LIBRARY):
            _refuse(weights, f"has a module of its own code, {kind}, and no code of a checkpoint is run here")
        if module.get("name") in names:
            _refuse(weights, f"has two modules called {module['name']}")
        names.add(module.get("name"))
        yield Step(kind=kind.rpartition(".")[2], folder=folder)


def _step(weights: Weights, step: Step) -> Step:
    if step.kind not in KNOWN:
        _refuse(weights, f"has a {step.kind} module, which is not served here")
    config = weights.json_object(str(PurePosixPath(step.folder, "config.json")))
    _check_known(weights, step.kind, config, (*KNOWN[step.kind], *(SWITCHES if step.kind == "Pooling" else ())))
    if step.kind == "Pooling":
        if not config:
            _refuse(weights, f"lacks {step.folder}/config.json, which says how to pool")
        for mode in pooling_modes(config):
            if mode not in MODES:
                _refuse(weights, f"is pooled by {mode}, and only {', '.join(MODES)} are known")
    return Step(kind=step.kind, folder=step.folder, config=config)


def _sentences(weights: Weights) -> dict[str, Any]:
    config = weights.json_object(SENTENCES)
    kind = config.get("model_type", "SentenceTransformer")
    if kind != "SentenceTransformer":
        _refuse(weights, f"is a {kind}, not a SentenceTransformer")
    _check_requirements(weights, config.get("requirements") or {})
    prompts = config.get("prompts") or {}
    if not isinstance(prompts, Mapping) or not all(isinstance(text, str | None) for text in prompts.values()):
        _refuse(weights, "has prompts that are no texts")
    prompts = DEFAULT_PROMPTS | {str(name): text or "" for name, text in prompts.items()}
    default = config.get("default_prompt_name")
    if default is not None and default not in prompts:
        _refuse(weights, f"has the default prompt {default}, which is none of its prompts ({', '.join(prompts)})")
    return {"prompts": prompts, "default_prompt": default, "dimensions": _number(weights, config, "truncate_dim")}


def _check_requirements(weights: Weights, requirements: Any) -> None:
    """With other versions it may compute otherwise. sentence-transformers is not used here: its own does not matter."""
    for package, said in requirements.items() if isinstance(requirements, Mapping) else ():
        wanted = str(said.get("specifier", "") if isinstance(said, Mapping) else said)
        name = "torch" if package == "pytorch" else str(package)
        if name.replace("_", "-") in ("python", "sentence-transformers"):
            continue
        try:
            if SpecifierSet(wanted).contains(version(name), prereleases=True):
                continue
        except InvalidSpecifier:
            continue  # as the library does: a misprint makes no model useless
        except PackageNotFoundError:
            pass
        raise ModelSpecError(f"{weights.directory} requires {name}{wanted}: install it, or ask for another revision")


def read_transformer(weights: Weights, fixed: Mapping[str, Any] = FIXED) -> dict[str, Any]:
    """What the Transformer in this folder is made with, as fields of a `Recipe`. Raises `ModelSpecError` for settings
    that are not served, and for other values than the `fixed` ones."""
    config = next((found for name in TRANSFORMER_FILES if (found := weights.json_object(name))), {})
    _check_known(weights, "Transformer", config, (*SUPPORTED, *fixed, *MODEL_KWARGS, *TOKENIZER_KWARGS))
    for name, value in fixed.items():
        if config.get(name) not in (None, value):
            _refuse(weights, f"has a Transformer with {name} {config[name]}, where only {value} is served")
    for name in MODEL_KWARGS:
        _check_known(weights, f"Transformer ({name})", config.get(name) or {}, IGNORED)
    options: dict[str, Any] = {}
    for name in TOKENIZER_KWARGS:
        options |= config.get(name) or {}
    options.pop("trust_remote_code", None)
    _check_known(weights, "Transformer (processor_kwargs)", options, TOKENIZER_OPTIONS)
    return {
        "max_seq_length": _number(weights, config, "max_seq_length"),
        "do_lower_case": bool(config.get("do_lower_case")),
        "tokenizer_options": options,
    }


def _check_known(weights: Weights, where: str, config: Mapping[str, Any], known: Sequence[str]) -> None:
    for name, value in config.items():
        if name not in known and value not in (None, False, {}, []):
            _refuse(weights, f"has a {where} with {name}, which is not served here")


def _number(weights: Weights, config: Mapping[str, Any], name: str) -> int | None:
    value = config.get(name)
    if value is None or type(value) is int:
        return value
    _refuse(weights, f"has a {name} that is no whole number, {str(value)[:40]!r}")


def _refuse(weights: Weights, why: str) -> NoReturn:
    raise ModelSpecError(f"{weights.directory} {why}: {REMEDY}")
