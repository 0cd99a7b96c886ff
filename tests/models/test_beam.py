"""Beam search: rows of any age side by side end as `generate` ends each of them alone."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch

from batcher.models.translation.search import topk
from tests.models import tiny
from tests.models.oracle import Oracle, source
from tests.models.toy_search import (
    END,
    LANGUAGES,
    MUTE,
    PADDING,
    START,
    VOCABULARY,
    Asked,
    Decoding,
    Slots,
    Toy,
    answers,
)

# Limits that leave no piece, one, few and many; n-grams of every size; and a language that ends at once.
ASKED = (
    Asked(31, limit=2),
    Asked(32, limit=3),
    Asked(33, limit=6),
    Asked(34, limit=18, no_repeat=2),
    Asked(MUTE),
    Asked(35, no_repeat=3),
    Asked(36, no_repeat=1),
    Asked(37),
)
# Every number of beams with every way to stop; each penalty with every way to stop, and with nearly every number.
DECODINGS = [
    Decoding(beams, (0.6, 1.0, 2.0)[(beams + place) % 3], early_stopping)
    for beams in range(2, 6)
    for place, early_stopping in enumerate((True, False, "never"))
]


@pytest.fixture(scope="module")
def toy() -> Toy:
    return Toy().eval()


# Like `generate`


@pytest.mark.parametrize("decoding", DECODINGS, ids=str)
def test_rows_side_by_side_end_as_generate_ends_each_alone(toy: Toy, decoding: Decoding) -> None:
    expected = [toy.answer(asked, decoding) for asked in ASKED]

    assert answers(decoding, ASKED, toy.after) == expected


A, B, C, D = range(4, 8)
# Most likely it ends at once; whoever goes on has little chance at first, and no doubt later.
STEEP = {
    (START, 31): {END: 0.5, A: 0.3, B: 0.2},
    (31, A): {END: 0.9, C: 0.1},
    (31, B): {END: 0.9, C: 0.1},
    (A, C): {C: 1.0},
    (B, C): {C: 1.0},
    (C, C): {C: 1.0},
}
# Now and then it ends; the sure end comes late.
LEVEL = {(START, 31): {A: 1.0}, (31, A): {END: 0.2, C: 0.8}, (A, C): {END: 0.2, D: 0.8}, (C, D): {END: 1.0}}


@pytest.mark.parametrize(
    ("roads", "penalty", "early_stopping", "answer"),
    [
        pytest.param(STEEP, 1.0, True, [], id="two ends are enough"),
        pytest.param(STEEP, 1.0, False, [], id="no hope at this length"),
        pytest.param(STEEP, 1.0, "never", [A, *[C] * 27], id="hope at the limit"),
        pytest.param(LEVEL, -1.0, "never", [A, C, D], id="where length is a fault, hope at this length"),
        pytest.param(LEVEL, -1.0, False, [A, C, D], id="hope at this length"),
        pytest.param(LEVEL, -1.0, True, [A], id="two ends are enough, where length is a fault"),
    ],
)
def test_a_search_goes_on_while_there_is_hope(
    roads: Any, penalty: float, early_stopping: bool | str, answer: list[int]
) -> None:
    toy, decoding = Toy().eval(), Decoding(2, penalty, early_stopping)
    toy.say_only(roads)

    found = answers(decoding, [Asked(31)], toy.after)

    assert found == [answer] == [toy.answer(Asked(31), decoding)]


def test_the_ways_to_search_come_to_different_answers(toy: Toy) -> None:
    found = {tuple(answers(decoding, [Asked(37)], toy.after)[0]) for decoding in DECODINGS}

    assert len(found) >= 4


@pytest.mark.parametrize("early_stopping", [True, False, "never"])
@pytest.mark.parametrize(("beams", "length_penalty", "no_repeat"), [(5, 1.0, 0), (2, 0.6, 2), (4, 2.0, 3)])
def test_a_checkpoint_says_what_generate_lets_it_say(
    tmp_path: Path, beams: int, length_penalty: float, no_repeat: int, early_stopping: bool | str
) -> None:
    decoding = Decoding(beams, length_penalty, early_stopping)
    oracle, rng = Oracle(tiny.translation(tmp_path, seed=1)), random.Random(beams)
    texts = [source(64 + rng.randrange(100), rng.choices(range(4, 64), k=rng.randrange(1, 20))) for _ in range(6)]
    asked = [Asked(64 + 7 * number, rng.choice([6, 28]), no_repeat) for number in range(len(texts))]
    encoded = {one.language: encode(oracle, text) for one, text in zip(asked, texts, strict=True)}

    def after(one: Asked, beams: Any) -> torch.Tensor:
        return decode(oracle, encoded[one.language], beams)

    found = answers(decoding, asked, after)

    asked_oracle = {"num_beams": beams, "length_penalty": length_penalty, "early_stopping": early_stopping}
    for one, text, answer in zip(asked, texts, found, strict=True):
        row = {"source": text, "target": one.language, "max_new_tokens": one.limit - 1}
        assert answer == oracle.answer(row, no_repeat_ngram_size=no_repeat, **asked_oracle)


@torch.inference_mode()
def encode(oracle: Oracle, text: Any) -> torch.Tensor:
    hidden: torch.Tensor = oracle._network.model.encoder(torch.tensor([text.tolist()])).last_hidden_state
    return hidden


@torch.inference_mode()
def decode(oracle: Oracle, hidden: torch.Tensor, beams: Any) -> torch.Tensor:
    """Without any memory of the steps before."""
    network = oracle._network
    states = network.model.decoder(
        input_ids=torch.tensor(beams), encoder_hidden_states=hidden.expand(len(beams), -1, -1), use_cache=False
    ).last_hidden_state
    logits: torch.Tensor = network.lm_head(states[:, -1])
    return logits


# Its own rules


def test_a_limit_that_the_prompt_fills_leaves_no_pieces(toy: Toy) -> None:
    assert answers(Decoding(4), [Asked(31, limit=2)], toy.after) == [[]]


def test_a_row_that_ends_at_once_is_empty(toy: Toy) -> None:
    assert answers(Decoding(4), [Asked(MUTE)], toy.after) == [[]]


def test_padding_is_no_piece() -> None:
    toy = Toy()
    toy.table[:, PADDING] += 20

    assert answers(Decoding(2), [Asked(31, limit=9)], toy.after) == [[]]


@pytest.mark.parametrize("size", [0, 1, 2, 3])
def test_no_n_gram_comes_twice(size: int) -> None:
    babbler = Toy()
    babbler.table[:, [END, PADDING]] = -20.0
    babbler.table[:, 4:7] += 20.0

    (answer,) = answers(Decoding(3), [Asked(33, limit=20, no_repeat=size)], babbler.after)

    sequence = [START, 33, *answer]
    grams = [tuple(sequence[at : at + (size or 3)]) for at in range(len(sequence) - (size or 3) + 1)]
    assert len(sequence) == 20
    assert (len(grams) == len(set(grams))) is (size > 0)


def test_a_ban_is_one_row_s_own(toy: Toy) -> None:
    search = Decoding(2).search()
    search.join(0, language=33, limit=20)
    search.join(1, language=33, limit=20, no_repeat=1)
    logits = toy.table[:4].clone()

    search.step([0, 1], logits)

    banned = logits.isinf().nonzero().tolist()
    assert banned == [[beam, token] for beam in (2, 3) for token in (START, 33)]


def test_logits_in_half_precision_are_summed_in_float32(toy: Toy) -> None:
    def after(asked: Asked, beams: Any) -> torch.Tensor:
        return toy.after(asked, beams).bfloat16()

    rounded = Toy()
    rounded.table = toy.table.bfloat16().float()

    assert answers(Decoding(5), ASKED, after) == [rounded.answer(asked, Decoding(5)) for asked in ASKED]


@pytest.mark.parametrize("early_stopping", [True, False, "never"])
def test_a_search_that_meets_nan_ends_there(early_stopping: bool | str) -> None:
    slots = Slots(Decoding(3, 1.0, early_stopping).search(), 3, lambda *_: torch.full((3, VOCABULARY), torch.nan))
    slots.join(0, Asked(31))

    assert slots.step([0]) == {0: []}


def test_nan_takes_nothing_from_what_a_row_has_nor_from_its_neighbours() -> None:
    toy = Toy()
    toy.say_only(LEVEL)

    def after(asked: Asked, beams: Any) -> torch.Tensor:
        logits = toy.after(asked, beams)
        return torch.full_like(logits, torch.nan) if asked.language == 31 and len(beams[0]) == 4 else logits

    asked = [Asked(31, limit=5), Asked(32, limit=5)]
    alone = [answers(Decoding(2), [one], after)[0] for one in asked]
    assert answers(Decoding(2), asked, after) == alone
    assert alone[0] == [A]
    assert len(alone[1]) == 3


@pytest.mark.parametrize("early_stopping", [True, False, "never"])
def test_a_row_with_fewer_ways_to_go_on_than_beams_ends_at_its_limit(early_stopping: bool | str) -> None:
    toy, decoding, asked = Toy().eval(), Decoding(4, 1.0, early_stopping), Asked(31, limit=9)
    toy.table[:] = -torch.inf
    toy.table[:, A] = 0.0

    assert answers(decoding, [asked], toy.after) == [[A] * 7] == [toy.answer(asked, decoding)]


# Coming and going


@pytest.mark.parametrize("seed", range(12))
def test_rows_that_come_and_go_at_any_time_are_answered_alike(toy: Toy, seed: int) -> None:
    rng = random.Random(seed)
    decoding = Decoding(rng.choice([2, 3, 5]), rng.choice([0.6, 1.0, 2.0]), rng.choice([True, False, "never"]))
    jobs = {
        name: Asked(rng.choice(LANGUAGES), rng.choice([2, 3, 7, 14, 30]), rng.choice([0, 0, 1, 2, 3]))
        for name in range(20)
    }
    slots, waiting, gone, told = Slots(decoding.search(4), decoding.beams, toy.after), list(jobs), set(), {}

    while waiting or slots.slots:
        while waiting and len(slots.slots) < 4 and rng.random() < 0.5:
            slots.join(waiting[0], jobs[waiting.pop(0)])
        if slots.slots and rng.random() < 0.05:
            gone.add(slots.slots[row := rng.randrange(len(slots.slots))].name)
            slots.leave(row)
        members = rng.sample(range(len(slots.slots)), k=rng.randint(0, len(slots.slots)))
        told |= slots.step(members) if members else {}

    assert told == {name: answers(decoding, [jobs[name]], toy.after)[0] for name in jobs if name not in gone}
    assert len(gone) < len(jobs) / 2


# The candidates


@pytest.mark.parametrize("vocabulary", [40, 1280, 1300, 5000])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_the_largest_logits_are_found_among_all(vocabulary: int, dtype: torch.dtype) -> None:
    torch.manual_seed(vocabulary)
    logits = torch.rand(50, vocabulary).to(dtype)

    values, tokens = topk.topk(logits, 10)

    assert torch.equal(values, logits.float().topk(10).values)
    assert torch.equal(values, logits.float().gather(1, tokens))
    assert all(len(set(row)) == 10 for row in tokens.tolist())


def test_the_largest_may_stand_in_one_block_or_after_the_last() -> None:
    logits = torch.arange(topk.BLOCK * 40 + 5.0).expand(2, -1).clone()
    logits[0] *= -1

    _, tokens = topk.topk(logits, 10)

    assert tokens.tolist() == [list(range(10)), list(range(logits.shape[1] - 1, logits.shape[1] - 11, -1))]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_sums_are_the_same_in_parts(monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype) -> None:
    monkeypatch.setattr(topk, "CHUNK", 350)
    logits = (5 * torch.randn(7, 100, generator=torch.Generator().manual_seed(1))).to(dtype)

    assert torch.equal(topk.logsumexp(logits), logits.float().logsumexp(dim=-1))


def test_a_search_in_blocks_ends_as_generate_does(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topk, "BLOCK", 3)  # 13 of them, for 10 candidates
    decoding = Decoding(5)

    assert answers(decoding, ASKED, toy.after) == [toy.answer(asked, decoding) for asked in ASKED]
