"""NLLB checkpoints are told from M2M100's, and both engines say what `generate` says."""

from __future__ import annotations

import json
import random
from array import array
from pathlib import Path
from typing import Any

import pytest
from transformers import M2M100ForConditionalGeneration, NllbTokenizer

from batcher.models.errors import ModelSpecError
from batcher.models.settings import ModelSettings
from batcher.models.spec import LoadedModel, load_model, parse_spec
from broker.messages import ModelCard
from server.codecs import make_codec
from tests.models import nllb_files, tiny
from tests.models.nllb_files import CODES, UNUSED, words
from tests.models.oracle import Oracle, unmarked, without_marks
from tests.unit.server.codecs.samples import SENTENCES

ENGINES = ("in-flight", "reference")
DECODINGS: list[Any] = [
    pytest.param({"num_beams": 1}, id="greedy"),
    pytest.param({"num_beams": 5, "early_stopping": True}, id="five beams"),
]


def load(directory: Path, engine: str = "reference", **settings: Any) -> LoadedModel:
    settings_ = ModelSettings(engine=engine, guard=False, **settings)
    return without_marks(load_model(parse_spec(f"translation:{directory}"), settings_))


def inputs(seed: int, count: int, *, legacy: bool = False) -> list[dict[str, Any]]:
    rng, first = random.Random(seed), words()[CODES[0]]
    rows = []
    for _ in range(count):
        pieces = rng.choices(range(4, first), k=rng.randrange(1, 20))
        speaks, target = (words()[code] for code in rng.choices(CODES, k=2))
        framed = [*pieces, 2, speaks] if legacy else [speaks, *pieces, 2]
        rows.append({"source": array("i", framed), "target": target})
    return rows


@pytest.mark.parametrize("legacy", [False, True], ids=["language first", "language last"])
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("decoding", DECODINGS)
def test_a_mixed_batch_equals_generate_one_by_one(
    tmp_path: Path, decoding: dict[str, Any], engine: str, legacy: bool
) -> None:
    directory = nllb_files.checkpoint(tmp_path, seed=0, legacy=legacy, **decoding)
    rows, oracle = inputs(3, 12, legacy=legacy), Oracle(directory)

    answers = load(directory, engine).forward(rows)

    assert all(oracle.agrees(row, answer) for row, answer in zip(rows, answers, strict=True))
    assert oracle.exceptions == 0
    assert len({tuple(answer) for answer in answers}) >= 8


@pytest.mark.parametrize("engine", ENGINES)
def test_from_text_to_text_it_says_what_transformers_says(tmp_path: Path, engine: str) -> None:
    directory = nllb_files.checkpoint(tmp_path, seed=5)
    model, theirs = load(directory, engine), M2M100ForConditionalGeneration.from_pretrained(directory).eval()
    about = model.about
    card = ModelCard(
        name="n", task=about.task, codec=about.codec, revision="1", languages=about.languages, options=about.options
    )
    codec = make_codec(card, about.files)

    for code, flores in (("fr", "fra_Latn"), ("ja", "jpn_Jpan"), ("hi", "hin_Deva"), ("zh", "zho_Hans")):
        text = SENTENCES[code][0]
        plan = codec.encode(text, {"fromLang": code, "toLang": "deu_Latn"})
        ours = codec.decode(plan, [unmarked(one) for one in model.forward([piece.input for piece in plan.pieces])])
        tokenizer = NllbTokenizer.from_pretrained(directory, src_lang=flores)
        target = tokenizer.convert_tokens_to_ids("deu_Latn")
        said = theirs.generate(**tokenizer(text, return_tensors="pt"), forced_bos_token_id=target)
        assert ours == {"text": tokenizer.decode(said[0], skip_special_tokens=True).strip()}


@pytest.mark.parametrize("pieces_only", [False, True])
def test_its_card_has_the_codes_of_its_tokens(tmp_path: Path, pieces_only: bool) -> None:
    about = load(nllb_files.checkpoint(tmp_path, pieces_only=pieces_only)).about

    assert about.codec == "nllb"
    assert list(about.languages) == CODES
    assert about.options["language_ids"] == {code: words()[code] for code in CODES}
    assert (about.options["eos"], about.options["unk"], about.options["pad"]) == (2, 3, 1)


def rewrite(file: Path, change: Any) -> None:
    file.write_text(json.dumps(change(json.loads(file.read_text()))))


def test_languages_of_its_own_are_taken_and_those_it_lacks_are_not(tmp_path: Path) -> None:
    directory = nllb_files.checkpoint(tmp_path, shape={"vocab_size": len(words()) + 220})
    own = nllb_files.tokenizer(extra_special_tokens=["eng_Latn", "tyv_Cyrl"])
    own.save_pretrained(directory)
    # One token of another name in place of a language that transformers would add by itself.
    rewrite(directory / "tokenizer.json", lambda found: without(found, "zul_Latn"))

    languages = load(directory).about.languages

    assert "tyv_Cyrl" in languages
    assert "zul_Latn" not in languages


def without(tokenizer: dict[str, Any], word: str) -> dict[str, Any]:
    vocab = {("zulu" if one == word else one): number for one, number in tokenizer["model"]["vocab"].items()}
    added = [token for token in tokenizer["added_tokens"] if token["content"] != word]
    return tokenizer | {"added_tokens": added, "model": tokenizer["model"] | {"vocab": vocab}}


def config(**fields: Any) -> Any:
    return lambda directory: rewrite(directory / "tokenizer_config.json", lambda found: {**found, **fields})


def no_class(directory: Path) -> None:
    rewrite(directory / "tokenizer_config.json", lambda found: found | {"tokenizer_class": "PreTrainedTokenizerFast"})


@pytest.mark.parametrize("change", [config(tokenizer_class="NllbTokenizerFast"), no_class], ids=["fast", "by tokens"])
@pytest.mark.parametrize("pieces_only", [False, True])
def test_it_is_recognised_by_its_files(tmp_path: Path, change: Any, pieces_only: bool) -> None:
    directory = nllb_files.checkpoint(tmp_path, pieces_only=pieces_only)
    change(directory)

    assert load(directory).about.codec == "nllb"


@pytest.mark.parametrize("pieces_only", [False, True])
def test_the_hub_s_older_files_say_the_same(tmp_path: Path, pieces_only: bool) -> None:
    directory = nllb_files.checkpoint(tmp_path, pieces_only=pieces_only)
    plain = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
    added = {str(words()[word]): {"content": word, **plain} for word in (*nllb_files.SPECIALS, *CODES, "<mask>")}
    told = {"added_tokens_decoder": added, "additional_special_tokens": CODES, "tokenizer_class": "NllbTokenizer"}
    more = {"clean_up_tokenization_spaces": True, "sp_model_kwargs": {}, "src_lang": None, "tokenizer_file": None}
    (directory / "tokenizer_config.json").write_text(json.dumps(told | more))

    about = load(directory).about

    assert about.options["language_ids"] == {code: words()[code] for code in CODES}
    assert "legacy_behaviour" not in about.options


def test_an_m2m100_directory_that_is_called_nllb_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelSpecError, match="is NLLB by its name, and its tokenizer is none of NLLB's"):
        load(tiny.translation(tmp_path / "my-nllb-200"))


@pytest.mark.parametrize("pieces_only", [False, True])
def test_a_network_with_fewer_rows_than_ids_is_refused(tmp_path: Path, pieces_only: bool) -> None:
    rows = len(words()) - UNUSED - 10
    directory = nllb_files.checkpoint(tmp_path, pieces_only=pieces_only, shape={"vocab_size": rows})

    with pytest.raises(ModelSpecError, match=f"do not fit its {rows} embeddings"):
        load(directory)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("tokenizer.json", b"{}", "tokenizer.json cannot be used"),
        ("tokenizer.json", b"[", "tokenizer.json is not JSON"),
        ("sentencepiece.bpe.model", b"rubbish", "sentencepiece.bpe.model cannot be read"),
        ("sentencepiece.bpe.model", b"", "sentencepiece.bpe.model"),
    ],
)
def test_a_vocabulary_that_cannot_be_read_is_told(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    directory = nllb_files.checkpoint(tmp_path, pieces_only=name != "tokenizer.json")
    (directory / name).write_bytes(content)

    with pytest.raises(ModelSpecError, match=told):
        load(directory)


def test_the_mixture_of_experts_is_refused_by_name(tmp_path: Path) -> None:
    directory = nllb_files.checkpoint(tmp_path)
    rewrite(directory / "config.json", lambda found: found | {"model_type": "nllb-moe"})

    with pytest.raises(ModelSpecError, match=r"mixture of experts.*M2M100 and NLLB-200 checkpoints"):
        load(directory)
