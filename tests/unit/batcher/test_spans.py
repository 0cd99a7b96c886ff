"""What traces show of a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from batcher.serving.batch import Batch
from batcher.serving.leases import Lease
from batcher.spans import BatchSpans
from broker.messages import NO_META, Claim, Job
from broker.tracing.sdk import MOST_LINKS

LARGEST = 256  # jobs of a batch
SECOND = 10**9
NOW = 1_800_000_000 * SECOND  # this machine's
BROKER = 500.0  # seconds, the broker's clock: another one altogether
Told = Callable[[Lease], Sequence[ReadableSpan]]


@pytest.fixture
def told() -> Told:
    """The spans of a lease that is over. It ends at 100 s of the process's own clock."""
    kept = InMemorySpanExporter()
    provider = TracerProvider(span_limits=SpanLimits(max_links=MOST_LINKS), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    spans = BatchSpans(provider.get_tracer("test"), "echo@r1", clock=lambda: 100.0, wall=lambda: NOW)

    def told(lease: Lease) -> Sequence[ReadableSpan]:
        spans.told(lease)
        return kept.get_finished_spans()

    return told


def meta(number: int, *, sampled: bool = True) -> Mapping[str, str]:
    return {"traceparent": f"00-{number:032x}-{number:016x}-{'01' if sampled else '00'}"}


def lease(*jobs: Mapping[str, str], admitted: float = BROKER - 3.0, started_at: float = 98.0) -> Lease:
    made = [
        Job(id=f"{number:032x}", front_end="f", input="x", cost=5, meta=one, admitted=admitted + number)
        for number, one in enumerate(jobs)
    ]
    claim = Claim(batch="b", jobs=made, claimed=BROKER)
    return Lease(batch=Batch(claim=claim, claimed_at=97.0, started_at=started_at, seconds=1.5, jobs=made), left={})


def seconds(span: ReadableSpan) -> tuple[float, float]:
    """Before its end, when each began and ended."""
    assert span.start_time and span.end_time
    return (span.start_time - NOW) / SECOND, (span.end_time - NOW) / SECOND


def by_name(spans: Sequence[ReadableSpan]) -> dict[str, ReadableSpan]:
    return {span.name: span for span in spans}


def test_times_of_the_broker_s_clock_are_told_on_ours(told: Told) -> None:
    found = {name: seconds(span) for name, span in by_name(told(lease(meta(1)))).items()}

    assert found == {"queue": (-6.0, -3.0), "batch": (-3.0, 0.0), "compute": (-2.0, -0.5)}


def test_jobs_of_one_request_wait_as_one_since_the_first(told: Told) -> None:
    queues = [span for span in told(lease(meta(1), meta(1), meta(2))) if span.name == "queue"]

    assert [(one.attributes or {})["jitney.jobs"] for one in queues] == [2, 1]
    assert [seconds(one)[0] for one in queues] == [-6.0, -4.0]


def test_a_clock_that_went_back_makes_no_wait_below_zero(told: Told) -> None:
    assert seconds(by_name(told(lease(meta(1), admitted=BROKER + 9.0)))["queue"]) == (-3.0, -3.0)


def test_every_request_of_the_largest_batch_is_linked(told: Told) -> None:
    spans = told(lease(*(meta(number) for number in range(1, LARGEST + 1))))

    assert len(by_name(spans)["batch"].links) == LARGEST
    assert len(spans) == LARGEST + 2


@pytest.mark.parametrize(
    "jobs",
    [
        pytest.param([NO_META], id="without a trace"),
        pytest.param([meta(1, sampled=False), meta(2, sampled=False)], id="that nobody samples"),
        pytest.param([{"traceparent": "00-ab"}, {"traceparent": "\xe9"}], id="that cannot be read"),
        pytest.param([], id="without a job"),
    ],
)
def test_a_batch_makes_no_span(told: Told, jobs: Sequence[Mapping[str, str]]) -> None:
    assert told(lease(*jobs)) == ()


def test_the_one_that_is_sampled_has_all_of_it_in_its_trace(told: Told) -> None:
    spans = told(lease(meta(1, sampled=False), meta(2), NO_META))

    assert {span.context.trace_id for span in spans if span.context} == {2}
    batch = by_name(spans)["batch"]
    assert batch.parent and batch.parent.span_id == 2
    assert [link.context.span_id for link in batch.links] == [2]
    assert (batch.attributes or {})["jitney.batch.jobs"] == 3


def test_what_was_abandoned_is_an_error_and_what_never_began_has_no_compute(told: Told) -> None:
    one = lease(meta(1), started_at=0.0)
    one.is_abandoned = True

    spans = by_name(told(one))

    assert spans.keys() == {"queue", "batch"}
    assert not spans["batch"].status.is_ok
    assert (spans["batch"].attributes or {})["error.type"] == "abandoned"
