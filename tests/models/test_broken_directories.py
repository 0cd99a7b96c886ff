"""What cannot be loaded is told in one line that names the file, the fault and, where there is one, the remedy."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from batcher.models.errors import ModelSpecError
from batcher.models.settings import ModelSettings
from batcher.models.spec import load_model, parse_spec
from benchmarks.lib.pieces_model import pieces_model
from tests.models import tiny
from tests.models.tiny_images import picture_classifier

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 1935792071\n"
Break = Callable[[Path], object]


def rewrite(name: str, change: Callable[[Any], Any]) -> Break:
    """One JSON file says something else."""

    def act(directory: Path) -> None:
        file = directory / name
        before = json.loads(file.read_text()) if file.exists() else {}
        file.write_text(json.dumps(change(before)))

    return act


def replaced(name: str, content: str | bytes) -> Break:
    data = content.encode() if isinstance(content, str) else content
    return lambda directory: (directory / name).write_bytes(data)


def cut(name: str, part: float) -> Break:
    def act(directory: Path) -> None:
        data = (directory / name).read_bytes()
        (directory / name).write_bytes(data[: int(len(data) * part)])

    return act


def without(name: str) -> Break:
    return lambda directory: (directory / name).unlink()


def shards(directory: Path) -> None:
    (directory / "model.safetensors").rename(directory / "model-00001-of-00002.safetensors")
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (directory / "model.safetensors.index.json").write_text(json.dumps(index))


def as_directory(name: str) -> Break:
    def act(directory: Path) -> None:
        (directory / name).unlink()
        (directory / name).mkdir()

    return act


def added_tokens(config: Any) -> Any:
    words = config["model"]["vocab"]
    return config | {"model": config["model"] | {"vocab": words | {"one too many": len(words)}}}


TRANSLATION: list[tuple[str, Break, str]] = [
    ("weights that are a pointer", replaced("model.safetensors", POINTER), "model.safetensors is a Git LFS pointer"),
    ("pieces that are a pointer", replaced("sentencepiece.bpe.model", POINTER), "bpe.model is a Git LFS pointer"),
    ("a vocabulary that is a pointer", replaced("vocab.json", POINTER), "vocab.json is a Git LFS pointer"),
    ("cut weights", cut("model.safetensors", 0.6), "bytes and should have"),
    ("weights cut in their header", cut("model.safetensors", 0.01), "only the beginning of one"),
    ("empty weights", replaced("model.safetensors", b""), "is no safetensors file"),
    ("weights that are something else", replaced("model.safetensors", b"PK\x03\x04" * 99), "is no safetensors file"),
    ("a shard that is missing", shards, "lacks model-00002-of-00002.safetensors"),
    ("no weights", without("model.safetensors"), "holds no weights: neither .safetensors nor pytorch_model.bin"),
    ("no config", without("config.json"), "holds no config.json"),
    ("an empty config", replaced("config.json", ""), "config.json is not JSON"),
    ("a broken config", cut("config.json", 0.5), "config.json is not JSON"),
    ("a config that is a list", replaced("config.json", "[1]"), "config.json holds no JSON object"),
    ("a config in another encoding", replaced("config.json", b"\xff\xfe\x00"), "config.json is not JSON"),
    ("a config that says nothing", replaced("config.json", "{}"), "config.json says nothing"),
    (
        "a config without a family",
        rewrite("config.json", lambda c: {"d_model": 3}),
        "of no family that its config.json",
    ),
    ("a config of wrong types", rewrite("config.json", lambda c: c | {"d_model": "many"}), "cannot be loaded"),
    ("another width", rewrite("config.json", lambda c: c | {"d_model": 48}), "cannot be loaded"),
    ("more layers than weights", rewrite("config.json", lambda c: c | {"decoder_layers": 3}), "lacks "),
    ("fewer words than ids", rewrite("config.json", lambda c: c | {"vocab_size": 70}), ""),
    ("no pieces", without("sentencepiece.bpe.model"), "holds no sentencepiece.bpe.model"),
    ("empty pieces", replaced("sentencepiece.bpe.model", b""), "sentencepiece.bpe.model"),
    ("broken pieces", replaced("sentencepiece.bpe.model", b"rubbish"), "sentencepiece.bpe.model cannot be read"),
    (
        "pieces of another model",
        replaced("sentencepiece.bpe.model", pieces_model(["x", "y", "z"])),
        "knows 3 of the 6 pieces",
    ),
    ("no vocabulary", without("vocab.json"), "holds no vocab.json"),
    ("a broken vocabulary", cut("vocab.json", 0.5), "vocab.json is not JSON"),
    ("a vocabulary that is a list", replaced("vocab.json", "[]"), "vocab.json is no object"),
    ("a vocabulary of texts", rewrite("vocab.json", lambda v: dict.fromkeys(v, "1")), "vocab.json is no object"),
    ("a vocabulary with gaps", rewrite("vocab.json", lambda v: v | {"z": 99}), "the number of a language"),
    ("a vocabulary without an end", rewrite("vocab.json", lambda v: {f"x{w}": n for w, n in v.items()}), "lacks </s>"),
    ("broken generation", replaced("generation_config.json", "{"), ""),
    ("broken notes", replaced("jitney.json", "{"), "jitney.json is not JSON"),
    ("notes that are a list", replaced("jitney.json", "[]"), "jitney.json holds no JSON object"),
    ("a longest input of text", replaced("jitney.json", '{"max_cost": "x"}'), "max_cost is a whole number of tokens"),
    ("a negative longest input", replaced("jitney.json", '{"max_cost": -3}'), "max_cost is a whole number of tokens"),
    ("a longest input of 2", replaced("jitney.json", '{"max_cost": 2}'), "leaves no room for a text"),
    ("a longest input that is true", replaced("jitney.json", '{"max_cost": true}'), "max_cost is a whole number"),
    ("a threshold above 1", replaced("jitney.json", '{"threshold": 1.5}'), "threshold is a similarity, above 0"),
    ("a word for markers", replaced("jitney.json", '{"markers": {"en": "Anna"}}'), "markers is equally long lists"),
    (
        "markers that one language lacks",
        replaced("jitney.json", '{"markers": {"en": ["Anna", "Paul"], "ja": ["アンナ"]}}'),
        "markers is equally long lists",
    ),
    ("a number for matryoshka", replaced("jitney.json", '{"matryoshka": 1}'), "matryoshka is true or false"),
    ("languages in one text", replaced("jitney.json", '{"languages": "en"}'), "languages is a list of codes"),
    ("languages of numbers", replaced("jitney.json", '{"languages": [1]}'), "languages is a list of codes"),
    ("languages by name", replaced("jitney.json", '{"languages": {"en": 1}}'), "languages is a list of codes"),
    ("an unknown language", replaced("jitney.json", '{"languages": ["tlh"]}'), "names tlh"),
    ("a description that is none", replaced("jitney.json", '{"description": 3}'), "description is a text"),
    ("languages of another list", rewrite("tokenizer_config.json", lambda t: {"language_codes": ["x"]}), "do not fit"),
    (
        "NLLB by its tokenizer",
        rewrite("tokenizer_config.json", lambda t: {"tokenizer_class": "NllbTokenizer"}),
        "do not fit its 172 embeddings",
    ),
    (
        "NLLB by its name",
        rewrite("config.json", lambda c: c | {"_name_or_path": "facebook/nllb-200-600M"}),
        "is NLLB by its name",
    ),
    (
        "SMaLL-100",
        rewrite("tokenizer_config.json", lambda t: {"tokenizer_class": "SMALL100Tokenizer"}),
        "is SMaLL-100,",
    ),
    ("SMaLL-100 by its code", replaced("tokenization_small100.py", ""), "is SMaLL-100,"),
    ("mBART", rewrite("config.json", lambda c: c | {"model_type": "mbart"}), "is mBART, which is not served"),
    (
        "Marian",
        rewrite("config.json", lambda c: c | {"model_type": "marian"}),
        "is Marian (OPUS-MT), which is not served",
    ),
    ("MADLAD", rewrite("config.json", lambda c: c | {"model_type": "t5"}), "is T5 or MADLAD, which is not served"),
    (
        "a family nobody knows",
        rewrite("config.json", lambda c: c | {"model_type": "xyz"}),
        "is a xyz model; translation serves",
    ),
    ("a directory in place of a file", as_directory("vocab.json"), "holds no vocab.json"),
]
ENCODER: list[tuple[str, Break, str]] = [
    ("a tokenizer that is a pointer", replaced("tokenizer.json", POINTER), "tokenizer.json is a Git LFS pointer"),
    ("a broken tokenizer", cut("tokenizer.json", 0.5), "tokenizer.json is not JSON"),
    ("an empty tokenizer", replaced("tokenizer.json", b""), "tokenizer.json is not JSON"),
    ("a tokenizer of no kind", replaced("tokenizer.json", '{"version": "1.0"}'), "tokenizer.json cannot be used"),
    ("a tokenizer that is a list", replaced("tokenizer.json", "[]"), "tokenizer.json cannot be used"),
    ("a tokenizer in another encoding", replaced("tokenizer.json", b"\xff\xfe"), "tokenizer.json is not JSON"),
    ("a tokenizer with more words", rewrite("tokenizer.json", added_tokens), "ids up to 64, its network a table of 64"),
    ("no tokenizer", lambda d: [(d / name).unlink() for name in ("tokenizer.json", "tokenizer_config.json")], ""),
    ("weights of another kind", replaced("model.safetensors", POINTER), "Git LFS pointer"),
    ("a broken tokenizer config", replaced("tokenizer_config.json", "{"), "tokenizer_config.json is not JSON"),
    ("no room for a text", replaced("jitney.json", '{"max_cost": 2}'), "leaves no room for a text"),
    ("a config of wrong types", rewrite("config.json", lambda c: c | {"num_hidden_layers": "2"}), "num_hidden_layers"),
    ("a family nobody knows", rewrite("config.json", lambda c: c | {"model_type": "xyz"}), ""),
]
PREPROCESSING = "preprocessor_config.json"
PICTURES: list[tuple[str, Break, str]] = [
    ("weights that are a pointer", replaced("model.safetensors", POINTER), "Git LFS pointer"),
    ("cut weights", cut("model.safetensors", 0.6), "bytes and should have"),
    ("no preprocessing", without(PREPROCESSING), "holds no preprocessor_config.json"),
    ("broken preprocessing", cut(PREPROCESSING, 0.5), "preprocessor_config.json is not JSON"),
    ("preprocessing that says nothing", replaced(PREPROCESSING, "{}"), "names no image_processor_type"),
    ("a processor nobody knows", rewrite(PREPROCESSING, lambda p: p | {"image_processor_type": "Xyz"}), "asks for Xyz"),
    ("pictures of another size", rewrite(PREPROCESSING, lambda p: p | {"size": 48}), "cannot compute a picture"),
    ("a family of texts", rewrite("config.json", lambda c: c | {"model_type": "bert"}), "classifies no pictures"),
    ("a family nobody knows", rewrite("config.json", lambda c: c | {"model_type": "xyz"}), "classifies no pictures"),
    ("a config of wrong types", rewrite("config.json", lambda c: c | {"num_hidden_layers": "2"}), "num_hidden_layers"),
    ("labels without numbers", rewrite("config.json", lambda c: c | {"id2label": {"a": "b"}}), "id2label whose keys"),
    ("fewer labels than scores", rewrite("config.json", lambda c: c | {"id2label": {"0": "a"}}), "cannot be loaded"),
]


def complaint(kind: str, directory: Path, **settings: Any) -> str:
    with pytest.raises(ModelSpecError) as caught:
        load_model(parse_spec(f"{kind}:{directory}"), ModelSettings(**settings))
    return str(caught.value)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    made = tmp_path_factory.mktemp("whole")
    return {
        "translation": tiny.translation(made / "t"),
        "classification": tiny.classifier(made / "c"),
        "embedding": tiny.encoder(made / "e"),
        "image-classification": picture_classifier(made / "i"),
    }


def copy_of(directory: Path, where: Path) -> Path:
    where.mkdir()
    for file in directory.iterdir():
        (where / file.name).write_bytes(file.read_bytes())
    return where


CASES = [
    *(pytest.param("image-classification", *case[1:], id=f"image-classification: {case[0]}") for case in PICTURES),
    *(pytest.param("translation", *case[1:], id=f"translation: {case[0]}") for case in TRANSLATION),
    *(
        pytest.param(kind, *case[1:], id=f"{kind}: {case[0]}")
        for case in ENCODER
        for kind in ("classification", "embedding")
    ),
]


@pytest.mark.parametrize(("kind", "spoil", "told"), CASES)
def test_a_broken_directory_is_told_in_one_line(
    checkpoints: dict[str, Path], tmp_path: Path, kind: str, spoil: Break, told: str
) -> None:
    directory = copy_of(checkpoints[kind], tmp_path / "model")
    spoil(directory)

    words = complaint(kind, directory)

    assert told in words
    assert "\n" not in words
    assert str(directory) in words


def test_the_engine_of_reference_refuses_the_same(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    directory = copy_of(checkpoints["translation"], tmp_path / "model")
    (directory / "sentencepiece.bpe.model").write_bytes(b"rubbish")

    assert "sentencepiece.bpe.model cannot be read" in complaint("translation", directory, engine="reference")


@pytest.mark.parametrize("device", ["cuda", "cuda:0", "mps", "meta", "nonsense", "cuda:x"])
def test_a_device_that_is_not_here_is_refused(checkpoints: dict[str, Path], device: str) -> None:
    words = complaint("embedding", checkpoints["embedding"], device=device)

    assert f"device {device}" in words
    assert "\n" not in words


def test_a_file_that_may_not_be_read_is_named(
    checkpoints: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = copy_of(checkpoints["translation"], tmp_path / "model")
    opened = Path.open

    def refuse(self: Path, *args: Any, **how: Any) -> Any:
        if self.name == "vocab.json":
            raise PermissionError(13, "Permission denied", str(self))
        return opened(self, *args, **how)

    monkeypatch.setattr(Path, "open", refuse)

    assert complaint("translation", directory) == f"{directory}/vocab.json cannot be read: Permission denied"


# Real processes


def said(directory: Path, *flags: str) -> tuple[int, str]:
    ended = subprocess.run(
        [sys.executable, "-m", "batcher", *flags], capture_output=True, text=True, timeout=120, cwd=directory
    )
    return ended.returncode, ended.stderr


@pytest.mark.timeout(180)  # seconds: each imports torch and transformers anew, on a machine that may be busy
@pytest.mark.parametrize(
    ("kind", "spoil", "told"),
    [
        ("translation", cut("model.safetensors", 0.6), "bytes and should have"),
        ("translation", replaced("sentencepiece.bpe.model", b"rubbish"), "sentencepiece.bpe.model cannot be read"),
        ("translation", rewrite("config.json", lambda c: c | {"d_model": "many"}), "cannot be loaded"),
        ("embedding", cut("tokenizer.json", 0.5), "tokenizer.json is not JSON"),
        ("translation", rewrite("generation_config.json", lambda g: g | {"num_beams": "5"}), "cannot be served"),
    ],
    ids=["cut weights", "broken pieces", "a broken config", "a broken tokenizer", "what only the warm-up finds"],
)
def test_a_process_says_so_and_ends_with_2(
    checkpoints: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, spoil: Break, told: str
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    directory = copy_of(checkpoints[kind], tmp_path / "model")
    spoil(directory)

    code, words = said(tmp_path, "--model", f"{kind}:{directory}")

    assert code == 2
    assert told in words
    assert sum(not line.startswith("{") for line in words.splitlines()) == 1, words
    assert words.startswith("python -m batcher: ") or "warm-up" in str(told) or told == "cannot be served", words
