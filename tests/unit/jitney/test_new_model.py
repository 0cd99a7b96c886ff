"""`jitney new-model`: what it writes, what it says, and which names it refuses."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from batcher.models.spec import KINDS as LOADED
from batcher.models.spec import parse_spec
from jitney.cli import app
from jitney.new_model import class_name, files
from jitney.up.plan import KINDS, read_model


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["new-model", *arguments])


@pytest.mark.parametrize(("module", "name"), [("shout", "Shout"), ("word_count", "WordCount"), ("a_1b", "A1b")])
def test_a_class_is_called_after_its_module(module: str, name: str) -> None:
    assert class_name(module) == name


def test_the_model_is_ten_lines() -> None:
    text = files("word_count")["word_count.py"]

    assert len(text.splitlines()) == 10
    assert "class WordCount:" in text and ast.parse(text)


def test_both_files_are_written_and_the_commands_shown(tmp_path: Path) -> None:
    said = run("word_count", "--directory", str(tmp_path))

    assert said.exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["test_word_count.py", "word_count.py"]
    for line in ("pytest test_word_count.py", "jitney up --model word_count:WordCount", "/models/wordcount -H"):
        assert line in said.output


def test_the_command_that_it_shows_names_an_own_model() -> None:
    model = read_model("word_count:WordCount")

    assert (model.name, model.module) == ("wordcount", "word_count")
    assert parse_spec(model.spec).kind == "custom"


@pytest.mark.parametrize("there", ["word_count.py", "test_word_count.py"])
def test_nothing_is_written_over_and_nothing_beside_it(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("mine")

    said = run("word_count", "--directory", str(tmp_path))

    assert said.exit_code == 1
    assert f"{there} exists; nothing is written" in said.output
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


def test_a_package_that_would_be_taken_in_its_place_is_said(tmp_path: Path) -> None:
    package = tmp_path / "word_count" / "__init__.py"
    package.parent.mkdir()
    package.touch()

    said = run("word_count", "--directory", str(tmp_path))

    assert said.exit_code == 2
    assert "there is a module 'word_count' already" in said.output
    assert list(tmp_path.iterdir()) == [package.parent]


def test_a_directory_that_is_not_there_is_said(tmp_path: Path) -> None:
    said = run("word_count", "--directory", str(tmp_path / "no"))

    assert said.exit_code == 1
    assert "there is no directory" in said.output


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Shout", "cannot be a module's name"),
        ("my-model", "cannot be a module's name"),
        ("2x", "cannot be a module's name"),
        ("a.b", "cannot be a module's name"),
        ("größe", "cannot be a module's name"),
        ("class", "cannot be a module's name"),
        ("../x", "cannot be a module's name"),
        ("statistics", "a module of Python's own"),
        ("pytest", "there is a module 'pytest' already"),
        ("broker", "there is a module 'broker' already"),
        ("translation", "means something to Jitney already"),
        ("none", "a class cannot be called None"),
        ("true_", "a class cannot be called True"),
        ("invalid_input", "means something to Jitney already"),
    ],
)
def test_a_name_that_would_not_work_is_refused_and_nothing_is_written(tmp_path: Path, name: str, why: str) -> None:
    said = run(name, "--directory", str(tmp_path))

    assert said.exit_code == 2
    assert why in said.output
    assert list(tmp_path.iterdir()) == []


def test_every_kind_of_model_that_could_be_a_module_is_known_as_a_kind() -> None:
    assert {kind for kind in LOADED if kind.isidentifier()} <= KINDS
