"""What is tried at load of how long batches take."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from batcher.engines.probe import probe
from batcher.models.contract import About
from batcher.models.settings import ModelSettings
from batcher.models.spec import LoadedModel, load_model, parse_spec
from batcher.policy.speed import SpeedFit
from broker.messages import Limits, Speed
from tests.conftest import FakeClock


def loaded(forward: Callable[[list[str]], list[str]], **more: object) -> LoadedModel:
    how = {"cost": None, "warm_up": lambda: None, "report_to": lambda progress: None, **more}
    return LoadedModel(name="toy", about=About(), forward=forward, **how)  # type: ignore[arg-type]


def tried(clock: FakeClock, fixed: float, per_job: float, **more: object) -> list[tuple[int, float]]:
    def forward(inputs: list[str]) -> list[str]:
        clock.tick(fixed + per_job * len(inputs))
        return inputs

    return list(probe(loaded(forward, **more), Limits(max_batch_size=64), clock=clock))


@pytest.mark.parametrize(
    ("fixed", "per_job", "sizes"),
    [
        pytest.param(0.005, 0.010, [1, 1, 64, 64], id="a full batch where that cannot take long"),
        pytest.param(0.200, 0.0, [1, 1, 4, 4], id="a small one where it might, for all that is known"),
        pytest.param(2.0, 0.0, [1, 1], id="none where one job takes long"),
    ],
)
def test_an_example_tells_how_long_batches_of_several_sizes_take(
    clock: FakeClock, fixed: float, per_job: float, sizes: list[int]
) -> None:
    seen = tried(clock, fixed, per_job, example="x")

    assert [jobs for jobs, _ in seen] == sizes


@pytest.mark.parametrize(("fixed", "per_job"), [(0.200, 0.0), (0.005, 0.010), (0.040, 0.002)])
def test_a_batcher_knows_its_speed_before_its_first_job(clock: FakeClock, fixed: float, per_job: float) -> None:
    fit = SpeedFit()

    for jobs, seconds in tried(clock, fixed, per_job, example="x"):
        fit.observe(jobs, seconds)

    assert fit.speed_up_to(64) == Speed(fixed=pytest.approx(fixed), per_job=pytest.approx(per_job))


def test_a_batch_of_the_example_holds_no_more_tokens_than_any(clock: FakeClock) -> None:
    seen = tried(clock, 0.001, 0.0, example="x", cost=lambda input: 4096)

    assert max(jobs for jobs, _ in seen) == 4


@pytest.mark.parametrize("more", [{}, {"example": "x", "in_flight": object}], ids=["no example", "in flight"])
def test_nothing_is_tried_where_an_example_would_tell_nothing(clock: FakeClock, more: dict[str, object]) -> None:
    assert tried(clock, 0.1, 0.0, **more) == []


def test_a_synthetic_model_that_takes_long_is_not_tried() -> None:
    assert load_model(parse_spec("synthetic:3s"), ModelSettings()).example is None
