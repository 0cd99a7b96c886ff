"""Model specs: what `--model` may say, and what a person reads who said something else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from batcher.engines.batch import BatchEngine
from batcher.models.errors import ModelSpecError
from batcher.models.files.weights import find_weights
from batcher.models.settings import ModelSettings, with_options
from batcher.models.spec import LoadedModel, load_model, parse_spec
from broker.messages import FailureCode, Job

GUIDE = Path(__file__).parents[3] / "docs" / "custom-model.md"


def load(text: str, **settings: object) -> LoadedModel:
    return load_model(parse_spec(text), ModelSettings(**settings))  # type: ignore[arg-type]


def complaint(text: str) -> str:
    with pytest.raises(ModelSpecError) as caught:
        load(text)
    return str(caught.value)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty current directory, whose modules are forgotten afterwards."""
    before = set(sys.modules)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


# Reading


@pytest.mark.parametrize(
    ("text", "kind", "where", "name"),
    [
        ("synthetic", "synthetic", "", "synthetic"),
        ("synthetic:10ms+0.5ms,faults=on", "synthetic", "10ms+0.5ms", "synthetic"),
        ("translation:facebook/m2m100_418M", "translation", "facebook/m2m100_418M", "m2m100_418m"),
        ("classification:./models/Star Rating/", "classification", "./models/Star Rating/", "star-rating"),
        ("embedding:/models/e5,name=e5-small", "embedding", "/models/e5", "e5-small"),
        ("image-classification:microsoft/resnet-50", "image-classification", "microsoft/resnet-50", "resnet-50"),
        ("my_models.shout:Shout", "custom", "my_models.shout:Shout", "shout"),
    ],
)
def test_a_spec_says_the_kind_the_place_and_a_name(text: str, kind: str, where: str, name: str) -> None:
    spec = parse_spec(text)

    assert (spec.kind, spec.where, spec.name) == (kind, where, name)


def test_options_follow_the_place() -> None:
    spec = parse_spec("translation:facebook/m2m100_418M,revision=55c2e61,dtype=bf16,max-new-tokens=128")

    assert spec.options == {"revision": "55c2e61", "dtype": "bf16", "max_new_tokens": "128"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("transaltion:facebook/m2m100_418M", "no kind 'transaltion'"),
        ("", "no kind ''"),
        ("translation", "translation needs a directory or a hub name"),
        ("synthetic:soon", "'soon' is not a duration"),
        ("synthetic:1ms,faults=maybe", "faults is on or off"),
        ("synthetic:1ms,beams=2", "no option beams"),
        ("translation:demo,beams", "'beams' is no option"),
        ("translation:demo,beams=many", "beams is a whole number"),
        ("translation:demo,dtype=fp8", "dtype is one of fp32, bf16, fp16"),
        ("translation:demo,name=Big One", "'Big One' is no name"),
    ],
)
def test_a_bad_spec_is_told_why_and_what_would_be_good(text: str, why: str) -> None:
    said = complaint(text)

    assert why in said
    assert "translation:facebook/m2m100_418M" in said


def test_an_option_beats_the_setting() -> None:
    settings = ModelSettings(dtype="fp32", beams=5, offline=True)

    chosen = with_options(settings, {"dtype": "bf16", "offline": "off"})

    assert chosen == ModelSettings(dtype="bf16", beams=5, offline=False)


# Loading


def test_a_synthetic_model_answers() -> None:
    model = load("synthetic:0")

    assert model.forward(["abc"]) == ["cba"]


def test_a_synthetic_models_queue_does_not_depend_on_its_pace() -> None:
    assert load("synthetic:0").about.revision == load("synthetic:1ms").about.revision != ""


def test_a_synthetic_model_does_without_torch() -> None:
    program = (
        "import sys; from batcher.models.settings import ModelSettings; from batcher.models.spec import *;"
        "load_model(parse_spec('synthetic:0'), ModelSettings()); sys.exit('torch' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", program], timeout=30, check=False, cwd=GUIDE.parents[1])

    assert done.returncode == 0


def test_a_directory_that_is_not_there_is_named() -> None:
    assert "no directory ./nowhere/at/all" in complaint("translation:./nowhere/at/all")


def test_a_directory_without_a_model_is_named(here: Path) -> None:
    (here / "empty").mkdir()

    assert "empty holds no config.json" in complaint("classification:./empty")


def test_a_directory_without_weights_is_named(here: Path) -> None:
    (here / "bare").mkdir()
    (here / "bare" / "config.json").write_text("{}")
    (here / "bare" / "tf_model.h5").write_bytes(b"\x80\x04")

    assert "bare holds no weights: neither .safetensors nor pytorch_model.bin" in complaint("classification:./bare")


def test_a_hub_name_out_of_reach_comes_with_a_remedy() -> None:
    pytest.importorskip("huggingface_hub")

    said = complaint("translation:nobody/has-this-model,offline=on")

    assert "hf download nobody/has-this-model" in said
    assert "\n" not in said


def test_a_revision_of_a_directory_is_refused(here: Path) -> None:
    (here / "model").mkdir()

    assert "revision= is for names on the hub" in complaint("classification:./model,revision=main")


def test_notes_that_are_not_json_are_named(here: Path) -> None:
    directory = weights(here / "model")
    (directory / "jitney.json").write_text("{languages: en}")

    with pytest.raises(ModelSpecError, match=r"jitney\.json is not JSON"):
        find_weights(str(directory))


def weights(directory: Path, content: bytes = b"1") -> Path:
    directory.mkdir()
    (directory / "config.json").write_text("{}")
    (directory / "model.safetensors").write_bytes(content)
    return directory


def test_equal_files_have_one_fingerprint_wherever_they_are(tmp_path: Path) -> None:
    one, same = weights(tmp_path / "one"), weights(tmp_path / "same")

    assert find_weights(str(one)).fingerprint == find_weights(str(same)).fingerprint


@pytest.mark.parametrize("changed", ["config.json", "model.safetensors", "tokenizer.json", "1_Pooling/config.json"])
def test_any_file_that_changes_answers_changes_the_fingerprint(tmp_path: Path, changed: str) -> None:
    directory = weights(tmp_path / "model")
    before = find_weights(str(directory)).fingerprint

    (directory / changed).parent.mkdir(exist_ok=True)
    (directory / changed).write_text('{"new": 1}')

    assert find_weights(str(directory)).fingerprint != before


def test_the_folders_that_modules_json_names_are_part_of_the_fingerprint(tmp_path: Path) -> None:
    directory = weights(tmp_path / "model")
    (directory / "modules.json").write_text('[{"path": ""}, {"path": "deep/2_Dense"}]')
    before = find_weights(str(directory)).fingerprint

    (directory / "deep/2_Dense").mkdir(parents=True)
    (directory / "deep/2_Dense/model.safetensors").write_bytes(b"new")

    assert find_weights(str(directory)).fingerprint != before


def test_the_network_may_lie_where_modules_json_says(tmp_path: Path) -> None:
    directory = weights(tmp_path / "0_Transformer").parent
    (directory / "modules.json").write_text('[{"path": "0_Transformer"}]')

    assert find_weights(str(directory)).directory == directory


@pytest.mark.parametrize("folder", ["/etc", "../other", "a/../../b"])
def test_a_folder_outside_of_the_directory_is_refused(tmp_path: Path, folder: str) -> None:
    directory = weights(tmp_path / "model")
    (directory / "modules.json").write_text(f'[{{"path": "{folder}"}}]')

    with pytest.raises(ModelSpecError, match="outside of the directory"):
        find_weights(str(directory))


def test_a_readme_changes_nothing(tmp_path: Path) -> None:
    directory = weights(tmp_path / "model")
    before = find_weights(str(directory)).fingerprint

    (directory / "README.md").write_text("new words")

    assert find_weights(str(directory)).fingerprint == before


def test_a_snapshot_of_the_hub_is_known_by_its_commit(tmp_path: Path) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    (tmp_path / "snapshots").mkdir()

    assert find_weights(str(weights(tmp_path / "snapshots" / commit))).fingerprint == commit


def test_settings_that_change_answers_change_the_revision(tmp_path: Path) -> None:
    found = find_weights(str(weights(tmp_path / "model")))

    assert found.revision("fp32") != found.revision("bf16")


# Models of one's own


def guide_example(directory: Path) -> str:
    """The guide's own model, in a file; its spec."""
    text = GUIDE.read_text()
    code = text.split("```python\n")[1].split("```")[0]
    (directory / "counting.py").write_text(code)
    return text.split("jitney up --model ")[1].split()[0]


def test_the_model_of_the_guide_answers_as_the_guide_says(here: Path) -> None:
    engine = BatchEngine(load(guide_example(here)))
    text = GUIDE.read_text().split('"text": "')[1].split('"')[0]

    engine.admit([Job(id="1", front_end="f", input=text)])
    (done,) = engine.step()

    said = ",".join(f'"{name}":{value}' for name, value in done.output.items())
    assert f'{{"id":"1",{said}}}' in GUIDE.read_text()


def test_the_model_of_the_guide_has_ten_lines(here: Path) -> None:
    guide_example(here)

    assert len((here / "counting.py").read_text().splitlines()) <= 10


def test_the_model_of_the_guide_refuses_an_empty_text(here: Path) -> None:
    engine = BatchEngine(load(guide_example(here)))

    engine.admit([Job(id="full", front_end="f", input="a b"), Job(id="empty", front_end="f", input="  ")])
    failures = [done.failure for done in engine.step() if done.failure]

    assert [(failure.job_id, failure.code) for failure in failures] == [("empty", FailureCode.INVALID_INPUT)]


def test_a_custom_model_is_text_in_text_out_until_it_says_more(here: Path) -> None:
    (here / "quiet.py").write_text("class Quiet:\n    def forward(self, inputs):\n        return inputs\n")

    model = load("quiet:Quiet")

    assert (model.name, model.about.codec, model.cost) == ("quiet", "passthrough", None)
    model.warm_up()


def test_a_custom_model_may_ask_for_the_settings(here: Path) -> None:
    (here / "asks.py").write_text(
        "class Asks:\n"
        "    def __init__(self, settings):\n        self.dtype = settings.dtype\n"
        "    def forward(self, inputs):\n        return [self.dtype for _ in inputs]\n"
    )

    assert load("asks:Asks,dtype=bf16").forward(["?"]) == ["bf16"]


def test_another_text_of_the_class_is_another_revision(here: Path) -> None:
    (here / "first.py").write_text("class Same:\n    def forward(self, inputs):\n        return inputs\n")
    (here / "second.py").write_text("class Same:\n    def forward(self, inputs):\n        return inputs[::-1]\n")

    assert load("first:Same").about.revision != load("second:Same").about.revision


@pytest.mark.parametrize(
    ("source", "why"),
    [
        pytest.param("class Other: ...", "custom_model has no class Model", id="no such class"),
        pytest.param("class Model: ...", "no method forward", id="no forward"),
        pytest.param("class Model:", "cannot be imported: IndentationError", id="not Python"),
        pytest.param("import not_installed_here", "needs the module not_installed_here", id="missing dependency"),
        pytest.param("class Model:\n    def __init__(self): 1 / 0", "cannot be made: ZeroDivisionError", id="raises"),
        pytest.param("class Model:\n    def __init__(self): 1 / 0", "custom_model.py, line 2)", id="says where"),
        pytest.param("class Model:\n    def __init__(self): exit()", "cannot be made: SystemExit", id="exits"),
        pytest.param("raise SystemExit('run me')", "cannot be imported: SystemExit: run me", id="a script"),
        pytest.param("raise KeyboardInterrupt", "cannot be imported: KeyboardInterrupt", id="interrupted"),
        pytest.param(
            "from os import nothing", "cannot be imported: ImportError: cannot import name", id="import error"
        ),
        pytest.param(
            "class Model:\n    def __init__(self, a, b): ...", "cannot be made: TypeError", id="two arguments"
        ),
        pytest.param("class Model:\n    async def forward(self, inputs): ...", "its forward is async", id="async"),
        pytest.param(
            "class Model:\n    about = {}\n    def forward(self, inputs): ...", "not an About", id="about is a dict"
        ),
    ],
)
def test_a_mistake_in_a_custom_model_is_one_line(here: Path, source: str, why: str) -> None:
    (here / "custom_model.py").write_text(source)

    said = complaint("custom_model:Model")

    assert why in said
    assert "\n" not in said


def test_a_module_that_is_nowhere_is_named() -> None:
    assert "no module nowhere_to_be_found" in complaint("nowhere_to_be_found:Model")
