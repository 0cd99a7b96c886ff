"""Families: whatever its architecture is, a text gets in company what transformers gives it alone."""

from __future__ import annotations

import json
import random
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification

from batcher.models.encoders.embedding import ENCODERS
from batcher.models.encoders.families import PADDABLE
from batcher.models.encoders.padded import Padded
from batcher.models.errors import ModelSpecError
from batcher.models.settings import ModelSettings
from batcher.models.spec import LoadedModel, load_model, parse_spec
from tests.models import tiny

ONLY_WITH_EQUALS = ["convbert", "fnet", "nystromformer", "xlm", "longformer"]
HUGE = {"gemma3"}  # brings an image network whatever its config says
SHAPE = {
    "vocab_size": 64,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 64,
    "embedding_size": 32,
    "max_position_embeddings": 48,
    "head_dim": 8,
    "num_experts": 4,
    "num_local_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 32,
    "initializer_range": 0.4,
    "num_labels": 3,
}
OF_FAMILY: dict[str, dict[str, Any]] = {
    "gpt_neo": {"attention_types": [[["global", "local"], 1]], "window_size": 4},
    "gptj": {"rotary_dim": 8},
    "t5": {"d_kv": 8, "d_ff": 64, "initializer_factor": 20.0},
    "mt5": {"d_kv": 8, "d_ff": 64, "initializer_factor": 20.0},
    "umt5": {"d_kv": 8, "d_ff": 64, "initializer_factor": 20.0},
}
WITHOUT = ("head_dim",)  # where the family computes it itself


def config_of(family: str, **config: Any) -> Any:
    said = SHAPE | OF_FAMILY.get(family, {}) | config
    if family == "falcon":
        said = {key: value for key, value in said.items() if key not in WITHOUT}
    return AutoConfig.for_model(family, **said)


def network_of(made_of: Any, config: Any) -> Any:
    torch.manual_seed(0)
    network = (made_of.from_config(config) if hasattr(made_of, "from_config") else made_of(config)).eval()
    with torch.no_grad():  # new ones are 1 and 0, by which no mistake in them would show
        for name, weights in network.named_parameters():
            if name.endswith("bias"):
                weights += 0.3 * torch.randn_like(weights)
    return network


def texts(seed: int = 0) -> list[array[int]]:
    """Of many lengths, some of them twice; with ids that are padding elsewhere, at the end and inside."""
    rng = random.Random(seed)
    rows = [[rng.randrange(4, 64) for _ in range(length)] for length in (5, 1, 17, 3, 40, 12, 5)]
    return [array("i", row) for row in (*rows, [7, 8, 0], [9, 10, 11, 1], [12, 0, 1, 13], [0])]


@torch.inference_mode()
def alone(network: Any, row: Sequence[int], what: str) -> torch.Tensor:
    ids = torch.tensor([list(row)])
    result: torch.Tensor = network(input_ids=ids, attention_mask=torch.ones_like(ids))[what][0]
    return result


@torch.inference_mode()
def differs(network: Any, what: str) -> float:
    """The greatest difference between a text in company and alone, relative to the greatest number."""
    expected = [alone(network, row, what) for row in texts()]
    padded = Padded(network, "fp32")
    got = padded.logits(texts()) if what == "logits" else padded.states(texts())
    greatest = max(1.0, *(float(one.abs().max()) for one in expected))
    return max(float((one - other).abs().max()) for one, other in zip(got, expected, strict=True)) / greatest


@pytest.mark.parametrize("family", sorted(PADDABLE - ENCODERS.keys() - HUGE) + ONLY_WITH_EQUALS)
def test_a_text_is_classified_in_company_as_alone(family: str) -> None:
    network = network_of(AutoModelForSequenceClassification, config_of(family, pad_token_id=1))

    assert differs(network, "logits") < 1e-5


@pytest.mark.parametrize("family", sorted(PADDABLE - HUGE) + ONLY_WITH_EQUALS)
def test_a_text_has_the_states_in_company_that_it_has_alone(family: str) -> None:
    network = network_of(ENCODERS.get(family, AutoModel), config_of(family, pad_token_id=1))

    assert differs(network, "last_hidden_state") < 1e-5


DECODERS = ["gpt2", "llama", "mistral", "qwen2", "qwen3", "gemma", "opt", "gpt_neo", "gpt_neox", "bloom", "phi", "gptj"]


@pytest.mark.parametrize("made_of", [AutoModelForSequenceClassification, AutoModel])
@pytest.mark.parametrize("family", DECODERS)
def test_a_real_token_is_never_padding(family: str, made_of: Any) -> None:
    network = network_of(made_of, config_of(family, pad_token_id=None))

    assert differs(network, "logits" if made_of is AutoModelForSequenceClassification else "last_hidden_state") < 1e-5


@pytest.mark.parametrize("padding", [-1, 63])
def test_neither_is_one_that_padding_is_said_to_be(padding: int) -> None:
    network = network_of(AutoModelForSequenceClassification, config_of("gpt2", pad_token_id=padding))

    assert differs(network, "logits") < 1e-5


def saved(directory: Path, family: str, made_of: Any = AutoModelForSequenceClassification, **config: Any) -> Path:
    tiny.encoder(directory)
    network_of(made_of, config_of(family, **config)).save_pretrained(directory)
    return directory


def load(directory: Path, kind: str = "classification", **settings: Any) -> LoadedModel:
    return load_model(parse_spec(f"{kind}:{directory},name=tiny"), ModelSettings(device="cpu", **settings))


def test_a_decoder_without_padding_scores_each_text_as_transformers_does(tmp_path: Path) -> None:
    directory = saved(tmp_path, "gpt2", pad_token_id=None)
    network = AutoModelForSequenceClassification.from_pretrained(directory).eval()

    got = load(directory).forward(texts())

    for row, scores in zip(texts(), got, strict=True):
        assert list(scores) == pytest.approx(alone(network, row, "logits").softmax(-1).tolist(), abs=1e-5)


@pytest.mark.parametrize(
    ("family", "why"),
    [
        ("t5", r"is an encoder-decoder \(t5\)"),
        ("bart", r"is an encoder-decoder \(bart\)"),
        ("xlnet", "is a xlnet model, whose texts need token types"),
        ("big_bird", "is a big_bird model, whose attention changes"),
    ],
)
def test_a_family_that_cannot_be_served_rightly_is_refused_in_one_line(tmp_path: Path, family: str, why: str) -> None:
    directory = tiny.classifier(tmp_path)
    (directory / "config.json").write_text(json.dumps({"model_type": family}))

    with pytest.raises(ModelSpecError, match=why) as caught:
        load(directory)

    assert "\n" not in str(caught.value)


def test_an_encoder_decoder_is_no_encoder_either(tmp_path: Path) -> None:
    directory = tiny.encoder(tmp_path)
    (directory / "config.json").write_text(json.dumps({"model_type": "bart"}))

    with pytest.raises(ModelSpecError, match=r"is an encoder-decoder \(bart\)"):
        load(directory, "embedding")


@pytest.mark.parametrize(("rope", "is_refused"), [("dynamic", True), ("linear", False)])
def test_positions_that_depend_on_the_texts_before_are_refused(tmp_path: Path, rope: str, is_refused: bool) -> None:
    scaling = {"rope_type": rope, "factor": 2.0, "rope_theta": 10_000.0}
    directory = saved(tmp_path, "llama", pad_token_id=None, rope_parameters=scaling)

    if is_refused:
        with pytest.raises(ModelSpecError, match="is a llama model with dynamic RoPE"):
            load(directory)
    else:
        assert len(load(directory).forward(texts())) == len(texts())


def test_a_classifier_that_lacks_its_pooler_is_refused(tmp_path: Path) -> None:
    saved(tmp_path, "bert")
    network = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    kept = {name: weights for name, weights in network.state_dict().items() if "pooler" not in name}
    network.save_pretrained(tmp_path, state_dict=kept)

    with pytest.raises(ModelSpecError, match=r"lacks bert\.pooler"):
        load(tmp_path)


LABELS: list[Any] = [
    pytest.param({"2": "c", "0": "a", "1": "b"}, ("a", "b", "c"), id="disorder"),
    pytest.param({"0": "a", "2": "c"}, ("a", "LABEL_1", "c"), id="a gap"),
    pytest.param({"2": "c"}, ("LABEL_0", "LABEL_1", "c"), id="the last alone"),
    pytest.param({"02": "c", "0": "a", "1": "b"}, ("a", "b", "c"), id="with zeros"),
    pytest.param(None, ("LABEL_0", "LABEL_1", "LABEL_2"), id="none"),
]


@pytest.mark.parametrize(("said", "labels"), LABELS)
def test_a_label_stands_at_its_number(tmp_path: Path, said: Any, labels: tuple[str, ...]) -> None:
    directory = relabelled(saved(tmp_path, "bert"), said)

    assert load(directory).about.labels == labels


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"0": "a", "1": "b"}, "cannot be loaded|names 2 labels"),
        ({"0": "a", "1": "b", "2": "c", "3": "d"}, "cannot be loaded|names 4 labels"),
        ({"zero": "a"}, "id2label whose keys are not the numbers"),
        ({"-1": "a", "0": "b", "1": "c"}, "id2label whose keys are not the numbers"),
        ({"0": "a", "00": "b", "1": "c"}, "id2label whose keys are not the numbers"),
        (["a", "b", "c"], "id2label whose keys are not the numbers"),
    ],
    ids=str,
)
def test_labels_that_do_not_fit_are_refused_in_one_line(tmp_path: Path, said: Any, why: str) -> None:
    directory = relabelled(saved(tmp_path, "bert"), said)

    with pytest.raises(ModelSpecError, match=why) as caught:
        load(directory)

    assert "\n" not in str(caught.value)


def relabelled(directory: Path, said: Any) -> Path:
    config = json.loads((directory / "config.json").read_text())
    config = {key: value for key, value in config.items() if key not in ("id2label", "label2id")}
    named = {"num_labels": 3} if said is None else {"id2label": said}
    (directory / "config.json").write_text(json.dumps(config | named))
    return directory
