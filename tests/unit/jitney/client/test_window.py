"""Many texts in requests of a few: order, bounds, and what refusals do to both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from jitney.client.errors import BadReply, CannotReach, JitneyError, RecordError, TimedOut, refused
from jitney.client.policy.window import Bounds, Pack, Window
from jitney.client.received import Received

TIMEOUT = 60.0
NOW = 1000.0


def window(texts: Iterable[str | None], *, of: int = 8, per_request: int = 2) -> Window[str]:
    bounds = Bounds(window=of, per_request=per_request)
    return Window(texts, bounds, TIMEOUT, failed=lambda texts, error: [error.code] * len(texts))


def begun(window: Window[str], now: float = NOW) -> list[Pack[str]]:
    return list(iter(lambda: window.begin(now), None))  # type: ignore[arg-type]


def refusal(status: int, code: str = "", retry_after: str = "") -> JitneyError:
    body = f'{{"code": "{code}", "detail": "why"}}'.encode() if code else b""
    headers = {"retry-after": retry_after} if retry_after else {}
    return refused(Received(status=status, headers=headers, body=body))


def answer(window: Window[str], *packs: Pack[str]) -> None:
    for pack in packs:
        window.answered(pack, [text.upper() for text in pack.texts])


def test_answers_come_in_the_order_of_the_texts_whatever_ends_first() -> None:
    mine = window("abcd")
    first, second = begun(mine)

    answer(mine, second)
    before = list(mine.taken())
    answer(mine, first)

    assert (before, list(mine.taken())) == ([], ["A", "B", "C", "D"])
    assert mine.has_ended()


def test_nothing_is_read_that_the_window_has_no_room_for() -> None:
    read = []
    mine = window((read.append(text) or text for text in "abcdefghijklmnop"), of=4)

    begun(mine)

    assert len(read) < 8  # four in hand, two that wait for room, one that shows that those are two


def test_what_is_answered_but_not_taken_keeps_its_room() -> None:
    mine = window("abcdef", of=4)
    first, second = begun(mine)

    answer(mine, second)

    assert begun(mine) == []
    answer(mine, first)
    list(mine.taken())
    assert [pack.texts for pack in begun(mine)] == [["e", "f"]]


def test_refused_for_now_all_wait_as_long_as_the_server_says_and_half_as_many_go_on() -> None:
    mine = window("abcdefgh")
    packs = begun(mine)

    for pack in packs:
        mine.refused(pack, refusal(429, "contended", "5"), NOW)

    assert (len(packs), begun(mine), mine.pause(NOW)) == (4, [], 5.0)
    again = begun(mine, NOW + 5.0)
    assert [pack.texts for pack in again] == [["a", "b"], ["c", "d"]]


def test_each_answer_makes_room_for_more() -> None:
    mine = window("abcdefgh")
    packs = begun(mine)
    for pack in packs:
        mine.refused(pack, refusal(429, "contended", "5"), NOW)

    answer(mine, *begun(mine, NOW + 5.0))

    assert len(begun(mine, NOW + 5.0)) == 2
    assert list(mine.taken()) == ["A", "B", "C", "D"]


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(refusal(503, "no_batcher", "2"), id="refused"),
        pytest.param(CannotReach("away"), id="not reached"),
        pytest.param(refusal(404, "unknown_model"), id="a model that was there before"),
    ],
)
def test_what_stays_away_until_the_deadline_ends_it(error: JitneyError) -> None:
    mine = window("ab")
    now = NOW

    with pytest.raises(type(error)):
        for _ in range(100):
            [pack] = begun(mine, now)
            mine.refused(pack, error, now)
            list(mine.taken())
            now += mine.pause(now)
    assert NOW + 40.0 < now < NOW + TIMEOUT


def test_a_text_that_cannot_be_computed_fails_alone() -> None:
    mine = window(["a", "bad", "c", "d"], per_request=4)

    while packs := begun(mine):
        for pack in packs:
            if "bad" in pack.texts:
                mine.refused(pack, refusal(422, "invalid_input"), NOW)
            else:
                answer(mine, pack)

    assert list(mine.taken()) == ["A", "invalid_input", "C", "D"]


@pytest.mark.parametrize(("status", "code"), [(500, "model_error"), (500, "poison"), (504, "expired")])
def test_what_the_model_failed_on_is_not_sent_again(status: int, code: str) -> None:
    mine = window("ab")
    [pack] = begun(mine)

    mine.refused(pack, refusal(status, code), NOW)

    assert list(mine.taken()) == [code, code]


def test_a_request_whose_answer_does_not_come_in_time_fails_alone() -> None:
    mine = window("abcd")
    late, other = begun(mine)

    mine.refused(late, TimedOut("no answer in time"), NOW)
    answer(mine, other)

    assert list(mine.taken()) == ["expired", "expired", "C", "D"]


@pytest.mark.parametrize("error", [refusal(401), refusal(422, "unknown_language"), refusal(405)])
def test_what_is_no_texts_fault_ends_it_and_says_where(error: JitneyError) -> None:
    mine = window("abcdef")
    first, second, third = begun(mine)

    mine.refused(second, error, NOW)
    answer(mine, third)
    before = list(mine.taken())
    answer(mine, first)

    taken = mine.taken()
    assert (before, next(taken), next(taken)) == ([], "A", "B")
    with pytest.raises(type(error)) as caught:
        next(taken)
    assert caught.value.places == range(2, 4)
    assert "2 are answered" in caught.value.__notes__[0]


def test_behind_what_ends_it_nothing_is_asked_any_more_and_before_it_all() -> None:
    mine = window("abcdefgh", of=6)
    first, second, third = begun(mine)

    mine.refused(first, refusal(503, "no_batcher", "2"), NOW)
    mine.refused(second, refusal(401), NOW)
    mine.refused(third, refusal(422, "invalid_input"), NOW)

    assert begun(mine, NOW + 2.0) == [first]


@pytest.mark.parametrize("error", [refusal(500, "internal"), BadReply("a half")])
def test_what_is_perhaps_one_texts_fault_ends_it_at_that_text(error: JitneyError) -> None:
    mine = window(["a", "b", "c", "bad", "e", "f"], per_request=4)

    while packs := begun(mine):
        for pack in packs:
            if "bad" in pack.texts:
                mine.refused(pack, error, NOW)
            else:
                answer(mine, pack)

    taken = mine.taken()
    assert [next(taken) for _ in range(3)] == ["A", "B", "C"]
    with pytest.raises(type(error)) as caught:
        next(taken)
    assert caught.value.places == range(3, 4)


def test_nothing_ends_at_once() -> None:
    mine = window([])

    assert begun(mine) == []
    assert mine.has_ended() and not mine.is_dry


def test_what_is_there_goes_where_there_is_no_more_for_now() -> None:
    mine = window(["a", None, None, "b", "c", "d", None], per_request=2)

    first = begun(mine)
    was_dry = mine.is_dry
    rest = begun(mine)

    assert ([pack.texts for pack in first], was_dry) == ([["a"]], True)
    assert [pack.texts for pack in rest] == [["b", "c"], ["d"]]
    assert not mine.has_ended()


def test_what_the_texts_raise_comes_behind_all_answers() -> None:
    def texts() -> Iterator[str]:
        yield from "abc"
        raise OSError("unplugged")

    mine = window(texts())
    packs = begun(mine)
    answer(mine, *packs)

    taken = mine.taken()
    assert [next(taken) for _ in range(3)] == ["A", "B", "C"]
    with pytest.raises(OSError, match="unplugged"):
        next(taken)


def test_a_failure_has_the_words_of_the_server() -> None:
    told: list[RecordError] = []
    mine: Window[str] = Window(["a"], Bounds(), TIMEOUT, failed=lambda texts, error: told.append(error) or ["x"])
    [pack] = begun(mine)

    mine.refused(pack, refusal(422, "invalid_input"), NOW)

    assert told == [RecordError(code="invalid_input", message="why")]
