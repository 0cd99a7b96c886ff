"""How long batches of several sizes take, tried at load with the example that a model gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import perf_counter

from batcher.models.spec import LoadedModel
from broker.messages import Limits

LONGEST = 1.0  # seconds that a batch may take here: to try a longer one is not worth so late a start
TRIES = 2  # of each size: the first may be a cold one


def probe(
    model: LoadedModel, limits: Limits, *, clock: Callable[[], float] = perf_counter
) -> Iterator[tuple[int, float]]:
    """Jobs, and the seconds that a batch of them took: of one, and of as many as certainly take no longer than LONGEST.
    Nothing for a model without an example, or with an engine of its own."""

    def tried(jobs: int) -> float:
        began = clock()
        model.forward([model.example] * jobs)
        return clock() - began

    if model.example is None or model.in_flight is not None:
        return
    cost = model.cost(model.example) if model.cost else 1
    alone = [tried(1) for _ in range(TRIES)]
    yield from ((1, seconds) for seconds in alone)
    many = min(limits.max_batch_size, limits.max_batch_tokens // max(cost, 1), int(LONGEST / max(*alone, 1e-6)))
    if many > 1:
        yield from ((many, tried(many)) for _ in range(TRIES))
