"""`python -m benchmarks sweep` on a stack that runs."""

from __future__ import annotations

from benchmarks.lib.stack import NAMESPACE, open_stack
from benchmarks.tuning.records import RunDirectory
from benchmarks.tuning.sweep import main
from broker.keys import Keys


def test_a_sweep_measures_every_setting_and_leaves_the_limits_as_they_were(tmp_path):
    with open_stack() as stack:
        stack.start_batcher("toy", "synthetic:2ms+0.5ms")
        front_end = stack.start_front_end()
        stack.wait_until_it_answers(front_end, "toy")
        key = Keys(NAMESPACE).limits("toy")
        stack.redis.hset(key, "max_wait", "0.02")
        arguments = [
            "--url",
            front_end.url,
            "--redis-url",
            stack.broker.url,
            "--namespace",
            NAMESPACE,
            "--model",
            "toy",
        ]
        arguments += ["--concurrency", "8", "--sizes", "1,8", "--policies", "fixed", "--windows", "0"]

        status = main([*arguments, "--seconds", "0.4", "--most", "3", "--out", str(tmp_path)])

        points = RunDirectory(tmp_path).points()
        assert (status, stack.redis.hgetall(key)) == (0, {b"max_wait": b"0.02"})
        assert [point.limits.max_batch_size for point in points] == [1, 8]
        assert points[0].summary.per_second < points[1].summary.per_second
