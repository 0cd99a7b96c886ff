"""The sentences that engines are compared with, and the weights that make every answer as long as it is told to be."""

from __future__ import annotations

import pytest
from safetensors.torch import load_file

from benchmarks.translation.engines import WrongAnswers, check, in_flight, load, static
from benchmarks.translation.sentences import longest_first, sentences, tokens
from benchmarks.translation.weights import END, PAD, SIZES, checkpoint, words

TINY = SIZES["tiny"]


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return checkpoint("tiny", tmp_path_factory.mktemp("weights"))


def test_the_same_seed_gives_the_same_sentences():
    assert sentences(20, TINY, seed=7) == sentences(20, TINY, seed=7) != sentences(20, TINY, seed=8)


def test_answers_have_5_to_60_tokens_and_go_with_their_sources():
    of = sentences(500, TINY, seed=1)

    assert {min(one.length for one in of), max(one.length for one in of)} == {5, 60}
    assert all(one.length <= 1.4 * (len(one.source) - 2) or one.length == 5 for one in of)
    assert all(one.length >= 0.7 * (len(one.source) - 2) for one in of)


def test_a_source_has_its_language_first_and_its_end_last():
    for one in sentences(50, TINY, seed=2):
        language, *pieces, end = one.source

        assert TINY.pieces <= language < TINY.pieces + 100
        assert all(3 < piece < TINY.pieces for piece in pieces)
        assert end == END


def test_longest_first_goes_by_the_source():
    lengths = [len(one.source) for one in longest_first(sentences(50, TINY, seed=3))]

    assert lengths == sorted(lengths, reverse=True)


def test_the_vocabulary_and_the_languages_fill_the_embedding():
    assert len(words(TINY)) + 100 + 8 == TINY.vocabulary


def test_an_answer_of_another_length_is_noticed():
    with pytest.raises(WrongAnswers, match="1 of 2"):
        check(of := sentences(2, TINY, seed=4), [[1] * of[0].length, [1] * (of[1].length + 1)])


def test_no_answer_ends_by_itself_and_both_engines_give_the_same(directory):
    of = sentences(12, TINY, seed=5)
    reference = static(load(directory, engine="reference").forward, 4)(of)
    model = load(directory)

    ours = in_flight(model.in_flight(max_size=4, max_tokens=1000))(of)

    check(of, reference)
    assert [list(answer) for answer in ours] == [list(answer) for answer in reference]
    assert sum(len(answer) for answer in ours) == tokens(of)
    assert any(len(set(answer)) > 2 for answer in ours), "weights that say one word for ever show nothing"


def test_the_end_and_padding_have_no_logit(directory):
    embedding = load_file(directory / "model.safetensors")["model.shared.weight"]

    assert (~embedding.any(dim=1)).nonzero().flatten().tolist() == [PAD, END]


def test_weights_are_made_once(directory):
    before = (directory / "model.safetensors").stat().st_mtime_ns

    assert checkpoint("tiny", directory.parent) == directory
    assert (directory / "model.safetensors").stat().st_mtime_ns == before
