"""What is sent, from options."""

from __future__ import annotations

import argparse

import pytest

from benchmarks.lib import workload
from benchmarks.lib.envelope import TEXT
from benchmarks.lib.workload import Workload, drawn


def asked(*options: str, path: str = "/models/m") -> Workload:
    command = argparse.ArgumentParser()
    workload.add_options(command)
    return workload.read(command.parse_args(options), path)


def lengths(mean: float, seed: int = 0) -> list[int]:
    return [len(text.split()) for text in drawn(mean, seed, 20_000)]


def test_one_text_a_request_goes_to_the_model_unless_told_otherwise():
    assert asked() == Workload(path="/models/m", texts=[TEXT], records=1, languages=None)


def test_languages_make_it_a_translation_and_a_path_has_the_last_word():
    languages = ["--from-lang", "en", "--to-lang", "ja"]

    assert asked(*languages).path == "/translation"
    assert asked(*languages, "--path", "/x").path == "/x"


def test_texts_of_a_file_leave_out_its_empty_lines(tmp_path):
    (tmp_path / "texts").write_text("a\n\nb\n")

    assert asked("--texts-file", str(tmp_path / "texts")).texts == ["a", "b"]


@pytest.mark.parametrize("mean", [3.0, 12.0, 100.0])
def test_drawn_texts_have_as_many_words_as_asked_for_on_average(mean: float):
    assert sum(lengths(mean)) / 20_000 == pytest.approx(mean, rel=0.03)


def test_drawn_lengths_have_a_long_tail_and_no_text_is_empty():
    ordered = sorted(lengths(12.0))

    assert (ordered[0] >= 1, ordered[10_000] < 12, ordered[-1_000] > 2 * 12) == (True, True, True)


def test_texts_are_drawn_the_same_again_for_a_seed_and_others_for_another():
    assert asked("--words", "9").texts == asked("--words", "9").texts != asked("--words", "9", "--seed", "1").texts


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(["--words", "9", "--seed", "1"], id="texts"),
        pytest.param(["--words", "9", "--records", "2"], id="records"),
        pytest.param(["--words", "9", "--path", "/x"], id="path"),
        pytest.param(["--words", "9", "--lane", "bulk"], id="lane"),
        pytest.param(["--words", "9", "--path", "/models/m", "--from-lang", "en", "--to-lang", "ja"], id="languages"),
    ],
)
def test_workloads_that_send_other_bytes_differ_in_words(other: list[str]):
    assert asked(*other).in_words() != asked("--words", "9").in_words()


def test_bodies_are_told_apart_by_what_they_hold(tmp_path):
    bodies = [tmp_path / name for name in "ab"]
    for file in bodies:
        file.write_text(file.name)

    first, second = (asked("--body", str(file)).in_words() for file in bodies)

    assert first != second


def test_a_body_takes_no_records(tmp_path):
    with pytest.raises(ValueError, match="as it is"):
        asked("--body", str(tmp_path / "body"), "--records", "2")


def test_a_file_without_text_is_refused(tmp_path):
    (tmp_path / "texts").write_text("\n")

    with pytest.raises(ValueError, match="holds no text"):
        asked("--texts-file", str(tmp_path / "texts"))


def test_one_language_is_refused():
    with pytest.raises(ValueError, match="go together"):
        asked("--from-lang", "en")
