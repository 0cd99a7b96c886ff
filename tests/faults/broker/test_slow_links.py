"""A slow link is no dead one: what is large arrives, and what is small does not wait for it."""

from __future__ import annotations

import time
from collections.abc import Sequence

from tests.faults.kit.large import ECHO, TOKENIZER
from tests.faults.kit.proxy import proxy_to
from tests.integration.processes import Reply
from tests.integration.stack import Stack, stack

MEGABYTE = 1_000_000
SYNTHETIC = "synthetic:10ms+0.5ms"


def ask(made: Stack, model: str, texts: Sequence[str], timeout: float = 60.0) -> Reply:
    records = [{"id": number, "text": text} for number, text in enumerate(texts)]
    headers = {"X-Request-Timeout": str(timeout)}
    return made.post(f"/models/{model}", {"payload": {"records": records}}, headers, timeout + 5.0)


def lengths(reply: Reply) -> list[int]:
    return [len(row["text"]) for row in reply.json()["result"]]


def test_outputs_that_are_more_than_one_value_of_the_server_may_be_arrive() -> None:
    with stack([ECHO], options=["--proto-max-bulk-len", "5mb"]) as made:
        reply = ask(made, "echo", ["3000000"] * 12)

        assert (reply.status, lengths(reply)) == (200, [3_000_000] * 12)
        assert ask(made, "echo", ["3"]).status == 200


def test_an_output_that_is_too_large_fails_alone() -> None:
    with stack([ECHO]) as made:
        reply = ask(made, "echo", ["40000000", "5", "pair", *["entities"] * 64])

        first, second, third, *others = reply.json()["result"]
        assert (first["error"]["code"], third["error"]["code"]) == ("model_error", "model_error")
        assert "32 MiB" in first["error"]["message"]
        assert second["text"] == "xxxxx"
        assert [len(row["entities"]) for row in others] == [1100] * 64
        assert "larger than 32 MiB" in made.batchers[0].stderr()


def test_large_outputs_pass_a_slow_link() -> None:
    with stack([], front_ends=1) as made, proxy_to(made.broker.url) as proxy:
        batcher = made.start_batcher(ECHO, JITNEY_REDIS_URL=_as_batcher(made, proxy.url))
        made.wait_live()
        with proxy.throttle(3 * MEGABYTE):
            reply = ask(made, "echo", ["2000000"] * 12)

        assert (reply.status, lengths(reply)) == (200, [2_000_000] * 12)
        assert batcher.exit_code is None
        assert "results not brought" not in batcher.stderr()


def test_many_large_jobs_pass_a_slow_link_and_are_computed_once() -> None:
    with stack([], front_ends=1, max_body_bytes=40 * MEGABYTE) as made, proxy_to(made.broker.url) as proxy:
        batcher = made.start_batcher(SYNTHETIC, JITNEY_REDIS_URL=_as_batcher(made, proxy.url), max_batch_size=64)
        made.wait_live()
        with proxy.throttle(5 * MEGABYTE):
            reply = ask(made, "synthetic", ["x" * 500_000] * 64)

        assert reply.status == 200
        assert "dead letter" not in batcher.stderr()
        assert made.redis.dbsize() < 20


def test_a_large_file_on_a_slow_link_holds_up_its_model_alone() -> None:
    with stack([SYNTHETIC], front_ends=0) as made, proxy_to(made.broker.url) as proxy:
        made.start_batcher(TOKENIZER)
        with proxy.throttle(2 * MEGABYTE):
            began = time.monotonic()
            made.start_front_end(JITNEY_REDIS_URL=_as_front_end(made, proxy.url))
            made.until(lambda: ask(made, "synthetic", ["a"]).status == 200, "the small model answers", within=10.0)
            small = time.monotonic() - began
            while ask(made, "large", ["abc"]).status != 200:
                assert time.monotonic() - began < 60.0, "the large model is never served"
                assert ask(made, "synthetic", ["a"]).status == 200
            large = time.monotonic() - began

        assert large > 17 / 2 > small
        assert "broker lost" not in made.front_ends[0].stderr()


def test_a_large_file_is_uploaded_over_a_slow_link_and_again_when_the_broker_is_empty_while_the_heart_beats() -> None:
    with stack([], front_ends=1) as made, proxy_to(made.broker.url) as proxy, proxy.throttle(3 * MEGABYTE):
        batcher = made.start_batcher(TOKENIZER, JITNEY_REDIS_URL=_as_batcher(made, proxy.url))
        made.until(lambda: ask(made, "large", ["abc"]).status == 200, "it is served", within=30.0)
        made.redis.flushdb()

        made.until(lambda: _file_is_there(made), "the file is brought again", within=30.0)

        assert "beat failed" not in batcher.stderr()
        assert batcher.exit_code is None


def _file_is_there(made: Stack) -> bool:
    return any(made.redis.strlen(key) == 17_000_000 for key in made.redis.scan_iter("*:artifact:*"))


def _as_batcher(made: Stack, url: str) -> str:
    from broker.admin.rights import Role
    from tests.contract.users import url_as

    return url_as(Role.BATCHER, url)


def _as_front_end(made: Stack, url: str) -> str:
    from broker.admin.rights import Role
    from tests.contract.users import url_as

    return url_as(Role.FRONT_END, url)
