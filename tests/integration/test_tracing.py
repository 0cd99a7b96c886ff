"""Traces across real processes: from a client's `traceparent` to the compute, and what is sampled only."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from broker.credentials.api_key import parse_key
from broker.tracing.sdk import CLOSING
from tests.collector import CONSUMER, SERVER, Collector, Span, collector
from tests.faults.kit.batches import created, ended, line
from tests.faults.kit.command import jitney
from tests.integration.processes import Reply
from tests.integration.stack import Stack, stack
from tests.integration.up import READY, running_up
from tests.waiting import until
from tests.webhook_receiver import LOOPBACK, SECRET, local_receiver

TRACE, CLIENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SOON = {"OTEL_BSP_SCHEDULE_DELAY": "100", "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test"}
PATH = "/models/synthetic"


def traced(trace: str = TRACE, *, sampled: bool = True, **more: str) -> dict[str, str]:
    return {"traceparent": f"00-{trace}-{CLIENT}-{'01' if sampled else '00'}", **more}


def body(*texts: str) -> dict[str, object]:
    return {"payload": {"records": [{"id": str(number), "text": text} for number, text in enumerate(texts)]}}


def ask(system: Stack, *texts: str, **headers: str) -> Reply:
    return system.post(PATH, body(*texts), headers)


@pytest.fixture(scope="module")
def told() -> Iterator[Collector]:
    with collector() as made:
        yield made


@pytest.fixture(scope="module")
def system(told: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One whose batches wait for company, that sends webhooks and computes files."""
    hooks = {"webhooks": "on", "webhook_allow": LOOPBACK, "webhook_secret": SECRET}
    batches = {"policy": "fixed", "max_wait": 0.4, "files": tmp_path_factory.mktemp("files")}
    with stack(["synthetic:20ms"], OTEL_EXPORTER_OTLP_ENDPOINT=told.url, **SOON, **hooks, **batches) as made:
        yield made


def of_trace(told: Collector, trace: str, *names: str) -> list[Span]:
    """One span of each of these names, in this order, once all have come."""

    def found() -> list[Span]:
        return [span for name in names for span in told.spans if (span.trace, span.name) == (trace, name)]

    until(lambda: len(found()) >= len(names), f"spans {names} have come", within=15.0)
    assert [span.name for span in found()] == list(names)
    return found()


def test_one_trace_leads_from_the_client_to_the_compute(told: Collector, system: Stack) -> None:
    began = time.time()
    reply = ask(system, "my private text", "two", **traced(tracestate="vendor=1"))
    ended = time.time()

    assert reply.status == 200
    server, queue, batch, compute = of_trace(told, TRACE, f"POST {PATH[:7]}/{{name}}", "queue", "batch", "compute")
    assert (server.parent, queue.parent, batch.parent, compute.parent) == (CLIENT, server.id, server.id, batch.id)
    assert {one.state for one in (server, queue, batch, compute)} == {"vendor=1"}
    assert (server.kind, batch.kind) == (SERVER, CONSUMER)
    assert (batch.links, queue.links) == ([server.place], [batch.place])
    assert began <= server.start <= queue.start <= queue.end <= compute.start <= compute.end <= batch.end + 0.01
    assert server.end <= ended + 1.0  # a span ends behind its answer
    assert compute.end - compute.start >= 0.019
    assert server.attributes == {
        "http.request.method": "POST",
        "url.scheme": "http",
        "http.route": "/models/{name}",
        "http.response.status_code": 200,
        "jitney.model": "synthetic",
        "jitney.revision": reply.headers["jitney-model"].partition("@")[2],
        "jitney.records": 2,
        "jitney.request_id": reply.headers["x-request-id"],
    }
    assert {"jitney.batch.jobs": 2, "jitney.batch.failed_jobs": 0}.items() <= batch.attributes.items()
    assert batch.attributes["jitney.batch.wait"] >= 0.3 and batch.attributes["jitney.batch.tokens"] > 2
    assert (queue.attributes["jitney.jobs"], queue.attributes["jitney.lane"]) == (2, "interactive")
    assert {server.service, batch.service} == {"jitney-front-end", "jitney-batcher"}
    assert all(one["deployment.environment.name"] == "test" for one in told.resources)


def test_a_batch_of_several_is_linked_to_each_that_is_sampled(told: Collector, system: Stack) -> None:
    traces, unsampled = [f"{number:032x}" for number in (1, 2)], f"{3:032x}"

    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(ask, system, "one", **traced(trace)) for trace in traces]
        asked.append(pool.submit(ask, system, "one", **traced(unsampled, sampled=False)))
        assert [one.result().status for one in asked] == [200] * 3

    found = [of_trace(told, trace, "POST /models/{name}", "queue") for trace in traces]
    (batch,) = {queue.links[0] for _, queue in found}
    until(lambda: any(one.place == batch for one in told.spans), "the batch has come", within=15.0)
    (made,) = [one for one in told.spans if one.place == batch]
    assert made.parent == "" and made.trace not in traces
    assert sorted(made.links) == sorted(server.place for server, _ in found)
    assert made.attributes["jitney.batch.jobs"] == 3
    assert not [one for one in told.spans if one.trace == unsampled]


def test_what_nobody_samples_makes_no_span(told: Collector, system: Stack) -> None:
    before = len(told.spans)

    reply = ask(system, "one", **traced(f"{4:032x}", sampled=False))
    system.get("/livez")
    last = ask(system, "one", **traced(f"{5:032x}"))

    assert (reply.status, last.status) == (200, 200)
    of_trace(told, f"{5:032x}", "POST /models/{name}", "queue", "batch", "compute")
    assert {span.trace for span in told.spans[before:]} == {f"{5:032x}"}


def test_the_front_end_samples_what_no_client_has_decided(told: Collector, system: Stack) -> None:
    rare = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}
    front_end, before = system.start_front_end(**rare), len(told.spans)

    statuses = [front_end.post(PATH, body("one")).status for _ in range(3)]
    statuses.append(front_end.post(PATH, body("one"), traced(f"{12:032x}")).status)

    assert statuses == [200] * 4
    of_trace(told, f"{12:032x}", "POST /models/{name}", "queue", "batch", "compute")
    assert {span.trace for span in told.spans[before:] if span.name != "GET /v1/models"} == {f"{12:032x}"}


def test_a_refusal_says_why(told: Collector, system: Stack) -> None:
    missing, malformed = f"{6:032x}", f"{7:032x}"

    system.post("/models/nobody", body("one"), traced(missing))
    system.post(PATH, b"{my private text", traced(malformed))
    system.get("/my private text".replace(" ", "%20"), traced(f"{8:032x}"))

    (one,) = of_trace(told, missing, "POST /models/{name}")
    assert (one.attributes["http.response.status_code"], one.is_error) == (404, False)
    assert one.attributes["error.type"] == "unknown_model"
    (one,) = of_trace(told, malformed, "POST /models/{name}")
    assert one.attributes["error.type"] == "malformed"
    (one,) = of_trace(told, f"{8:032x}", "GET")
    assert "http.route" not in one.attributes


def test_a_prediction_and_its_webhook_go_on_with_the_trace(told: Collector, system: Stack) -> None:
    trace = f"{9:032x}"
    with local_receiver() as receiver:
        asked = {"Prefer": "respond-async", "Jitney-Webhook": receiver.url, **traced(trace)}
        assert system.post(PATH, body("my private text"), asked).status == 202
        until(lambda: receiver.came, "it is delivered", within=20.0)

    names = ("POST /models/{name}", "attempt /models/{name}", "batch", "webhook")
    server, attempt, batch, hook = of_trace(told, trace, *names)
    assert (attempt.parent, batch.parent, hook.parent) == (server.id, attempt.id, server.id)
    assert receiver.came[0].headers["traceparent"].startswith(f"00-{trace}-{hook.id}-")
    assert hook.attributes == {"http.request.method": "POST", "http.response.status_code": 204}
    assert server.attributes["http.response.status_code"] == 202


def test_each_line_of_a_file_batch_begins_a_trace_that_leads_to_its_compute(told: Collector, system: Stack) -> None:
    name = f"attempt {PATH[:7]}/{{name}}"
    before = len(told.named(name))

    made = created(system.front_ends[0], [line(f"private {number}", "my private text", PATH) for number in range(3)])
    assert ended(system.front_ends[0], made).status == "completed"

    until(lambda: len(told.named(name)) == before + 3, "the spans of its lines have come", within=15.0)
    attempts = told.named(name)[before:]
    queues = [of_trace(told, one.trace, name, "queue")[1] for one in attempts]
    assert {one.parent for one in attempts} == {""} and len({one.trace for one in attempts}) == 3
    assert [one.parent for one in queues] == [one.id for one in attempts]
    assert {one.attributes["jitney.lane"] for one in queues} == {"bulk"}
    batches = {queue.links[0] for queue in queues}
    until(lambda: batches <= {one.place for one in told.spans}, "their batches have come", within=15.0)
    linked = [link for one in told.spans if one.place in batches for link in one.links]
    assert sorted(linked) == sorted(one.place for one in attempts)
    statuses = {(one.attributes["http.response.status_code"], one.attributes["http.route"]) for one in attempts}
    assert statuses == {(200, "/models/{name}")}
    assert not [body for body in told.bodies if made.id.encode() in body]


def test_a_stream_is_one_span_as_long_as_it_lasts(told: Collector, system: Stack) -> None:
    trace = f"{10:032x}"

    reply = ask(system, "one", "two", Accept="application/x-ndjson", **traced(trace))

    assert reply.body.count(b"\n") >= 2
    server, _, _, compute = of_trace(told, trace, "POST /models/{name}", "queue", "batch", "compute")
    assert server.end >= compute.end


def test_no_span_holds_what_a_client_said_or_who_it_is(told: Collector, system: Stack) -> None:
    """Nor do those of the tests before this one."""
    key, trace = parse_key(jitney("keys", "add", "alice", url=system.broker.url).out.strip()), f"{11:032x}"
    assert key is not None
    keyed = system.start_front_end(api_keys="on")
    asked = traced(trace, Authorization=f"Bearer {key.text}")
    until(lambda: keyed.get("/v1/models", asked).status == 200, "the key is known", within=20.0)

    reply = keyed.post(f"{PATH}?secret=query", body("my private text"), asked)

    assert reply.status == 200
    of_trace(told, trace, "POST /models/{name}", "queue", "batch", "compute")
    said = b"".join(told.bodies)
    words = ("private", key.id, key.secret, "alice", "secret", "/hook", "127.0.0.1")
    assert not [word for word in words if word.encode() in said]


def test_jitney_up_makes_spans_where_the_variable_says_so(tmp_path: Path) -> None:
    with collector() as told:
        given = {"OTEL_EXPORTER_OTLP_ENDPOINT": told.url, "OTEL_SERVICE_NAME": "mine", **SOON}
        with running_up("--model", "synthetic:1ms", output=tmp_path / "said", **given) as up:
            up.says(READY)
            assert up.call_as_shown().status == 200
            until(lambda: told.named("POST /models/{name}"), "its span has come", within=15.0)
            (server,) = told.named("POST /models/{name}")
            found = of_trace(told, server.trace, "queue", "batch", "compute")

    assert server.parent == ""
    assert {span.service for span in (server, *found)} == {"mine"}


@pytest.mark.parametrize("listens", [False, True], ids=["nobody listens", "nobody answers"])
def test_a_collector_that_is_away_costs_a_line_and_nothing_else(listens: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = silent.getsockname()
        if not listens:
            silent.close()
        check_away(f"http://{place[0]}:{place[1]}")


def check_away(collector: str) -> None:
    soon = SOON | {"OTEL_EXPORTER_OTLP_TIMEOUT": "4"}
    with stack(["synthetic:1ms"], otlp_endpoint=collector, drain_seconds=0, **soon) as system:
        children = [*system.batchers, *system.front_ends]
        statuses = {ask(system, "one", **traced()).status for _ in range(50)}
        until(lambda: all("opentelemetry" in one.stderr() for one in children), "they say so", within=20.0)
        began = time.monotonic()
        codes = [one.stop() for one in children]
        seconds, said = time.monotonic() - began, [one.stderr() for one in children]

    assert (statuses, codes) == ({200}, [0, 0])
    assert seconds < 2 * (CLOSING + 2.0)
    for lines in said:
        told = [json.loads(line) for line in lines.splitlines()]
        assert [one["level"] for one in told if one["event"] == "opentelemetry"] == ["warning"], lines
