"""The batch engine: everybody is answered with their own output, whatever the model gives back."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pytest

from batcher.engines.batch import BatchEngine
from broker.messages import FailureCode, Job
from tests.conftest import FakeClock
from tests.unit.batcher.scripted_model import Scripted, failures, jobs, numbered, raising, run


def test_each_job_gets_its_own_output_whatever_group_it_was_in() -> None:
    model = Scripted()
    costs = [90, 3, 300, 4, 88]
    batch = [Job(id=f"id-{n}", front_end="f", input=f"word {n}", cost=cost) for n, cost in enumerate(costs)]

    done = run(BatchEngine(model), batch)

    assert {text: one.output for text, one in done.items()} == {str(n): f"WORD {n}" for n in range(5)}
    assert len(model.groups) > 1


def test_a_step_without_jobs_asks_the_model_nothing() -> None:
    model = Scripted()

    done = BatchEngine(model).step()

    assert (done, model.groups) == ([], [])


def test_the_models_own_cost_counts_where_it_has_one() -> None:
    model = Scripted()

    run(BatchEngine(model, cost=len, max_tokens=8), jobs("aaaa", "bbbb", "cccc", cost=1))

    assert sorted(map(len, model.groups)) == [1, 2]


def test_an_input_whose_cost_cannot_be_told_is_still_computed() -> None:
    def cost(input: str) -> int:
        raise TypeError

    done = run(BatchEngine(Scripted(), cost=cost), jobs("a"))

    assert done["a"].output == "A"


def test_compute_time_is_that_of_the_forwards_a_job_was_in(clock: FakeClock) -> None:
    model = Scripted(lambda group: clock.tick(0.25 * len(group)))

    done = run(BatchEngine(model, clock=clock, max_tokens=2), jobs("a", "b", "c"))

    assert sorted(one.seconds for one in done.values()) == [0.25, 0.5, 0.5]


def test_there_is_room_for_what_is_not_held() -> None:
    engine = BatchEngine(Scripted(), max_size=3)

    engine.admit(jobs("a", "b"))

    assert engine.room() == 1


def test_after_a_step_there_is_room_again() -> None:
    engine = BatchEngine(Scripted(), max_size=3)

    run(engine, jobs("a", "b", "c"))

    assert engine.room() == 3


def test_jobs_admitted_during_a_step_wait_for_the_next() -> None:
    engine = BatchEngine(Scripted(lambda group: engine.admit(jobs("late")) if group == ["early"] else None))

    first = run(engine, jobs("early"))
    second = engine.step()

    assert list(first) == ["early"]
    assert [one.output for one in second] == ["LATE"]


@pytest.mark.parametrize("outputs", [0, 2, 4], ids=["none", "too few", "too many"])
def test_a_wrong_number_of_outputs_fails_the_group_and_says_so(outputs: int) -> None:
    model = Scripted(lambda group: ["?"] * outputs)

    done = run(BatchEngine(model), jobs("a", "b", "c"))

    message = f"the model answered with {outputs} outputs for 3 inputs"
    assert set(failures(done).values()) == {(FailureCode.MODEL_ERROR, message)}


def test_a_wrong_number_of_outputs_is_not_searched_for_a_cause() -> None:
    model = Scripted(lambda group: ["?"])

    run(BatchEngine(model), jobs("a", "b", "c"))

    assert len(model.groups) == 1


def test_a_model_that_answers_nothing_at_all_fails_its_inputs() -> None:
    class Silent:
        def forward(self, inputs: Sequence[str]) -> Any:
            return None

    done = run(BatchEngine(Silent()), jobs("a", "b"))

    assert failures(done).keys() == {"a", "b"}


def test_every_forward_is_progress_the_failed_ones_too() -> None:
    calls: list[None] = []
    model = Scripted(raising("bad"))

    run(BatchEngine(model, progress=lambda: calls.append(None)), jobs(*numbered(8, "bad")))

    assert len(calls) == len(model.groups)


def test_a_model_that_reports_on_its_way_is_progress_as_well() -> None:
    class Slow(Scripted):
        def report_to(self, progress: Callable[[], None]) -> None:
            self.progress = progress

        def forward(self, inputs: Sequence[str]) -> list[str]:
            self.progress()
            return super().forward(inputs)

    calls: list[None] = []

    run(BatchEngine(Slow(), progress=lambda: calls.append(None)), jobs("a"))

    assert len(calls) == 2


def test_a_step_says_what_it_did(clock: FakeClock) -> None:
    engine = BatchEngine(Scripted(lambda group: clock.tick(0.5)), clock=clock, max_tokens=20)

    run(engine, [Job(id=str(cost), front_end="f", input="x", cost=cost) for cost in (8, 10, 19)])

    stats = engine.last
    assert (stats.groups, stats.tokens, stats.padded_tokens) == (2, 37, 39)
    assert (stats.forward_seconds, stats.out_of_memory, stats.failed) == (1.0, 0, 0)


def test_a_step_counts_the_forwards_that_failed() -> None:
    engine = BatchEngine(Scripted(raising("bad")))

    run(engine, jobs("good", "bad"))

    assert (engine.last.groups, engine.last.failed) == (3, 2)


def test_an_output_that_cannot_travel_fails_alone() -> None:
    class Odd:
        def forward(self, inputs: Sequence[Any]) -> list[Any]:
            return [object() if text == "odd" else text for text in inputs]

    engine = BatchEngine(Odd())
    engine.admit([Job(id=text, front_end="f" * 16, input=text) for text in ("a", "odd", "b")])

    done = {one.job_id: one for one in engine.step()}

    assert (done["a"].output, done["b"].output) == ("a", "b")
    assert done["odd"].failure is not None
    assert done["odd"].failure.code == FailureCode.MODEL_ERROR


class Named(NamedTuple):
    values: str
    indices: str


async def later() -> list[str]:
    return ["A", "B"]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (lambda: {"a": 1, "b": 2}, "dict"),
        (lambda: "AB", "str"),
        (lambda: b"AB", "bytes"),
        (lambda: {"A", "B"}, "set"),
        (lambda: (text for text in "AB"), "generator"),
        (lambda: array("f", [0.5, 0.5]), "array"),
        (lambda: deque("AB"), "deque"),
        (lambda: Named("A", "B"), "Named"),
        (lambda: map(str, "AB"), "map"),
        (lambda: 2, "int"),
        (lambda: ("A", "B").__iter__(), "tuple_iterator"),
        (later, "coroutine"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_only_a_list_or_a_tuple_is_taken_for_outputs(answer: Callable[[], Any], kind: str) -> None:
    model = Scripted(lambda group: answer())

    done = run(BatchEngine(model), jobs("a", "b"))

    message = f"the model answered with a {kind} in place of a list of outputs"
    assert failures(done) == dict.fromkeys(("a", "b"), (FailureCode.MODEL_ERROR, message))
    assert len(model.groups) == 1


def test_a_tuple_of_outputs_is_one() -> None:
    done = run(BatchEngine(Scripted(lambda group: ("A", "B"))), jobs("a", "b"))

    assert [done["a"].output, done["b"].output] == ["A", "B"]


@pytest.mark.parametrize("told", [-5, 0, 10**400, 2.5, float("nan"), "7", None, True], ids=repr)
def test_a_cost_that_is_no_number_of_tokens_takes_nothing_from_anybody(told: Any) -> None:
    engine = BatchEngine(Scripted(), cost=lambda text: told if text == "odd" else 3)

    done = run(engine, jobs("a", "odd", "c", cost=3))

    assert {text: one.output for text, one in done.items()} == {"a": "A", "odd": "ODD", "c": "C"}
    assert isinstance(engine.last.tokens, int)


def test_a_cost_that_wants_the_process_to_exit_is_one_that_cannot_be_told() -> None:
    def cost(text: str) -> int:
        raise SystemExit

    assert run(BatchEngine(Scripted(), cost=cost), jobs("a"))["a"].output == "A"
