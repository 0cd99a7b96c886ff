"""`python -m benchmarks compare` and `ceiling` on stacks of their own."""

from __future__ import annotations

import json
import os

import pytest

from benchmarks.ceiling import command as ceiling
from benchmarks.compare import command as compare
from benchmarks.compare.report import batcher_of
from benchmarks.lib.machine import usable_cores
from benchmarks.lib.stack import open_stack

BRIEFLY = ["--rounds", "1", "--seconds", "0.3", "--warm-up", "0.1"]


def test_three_ways_are_compared_and_kept_with_their_picture(tmp_path, capsys):
    asked = ["--model", "synthetic:5ms+0ms", "--clients", "8", "--rates", "50", "--out", str(tmp_path)]

    status = compare.main([*asked, *BRIEFLY])

    rows = json.loads((tmp_path / "compare.json").read_text())["rows"]
    assert (status, [row["way"] for row in rows]) == (0, 2 * ["one by one", "fixed", "adaptive"])
    sizes = [row["rounds"][0]["summary"]["batch_size"] for row in rows]
    assert sizes[0] == sizes[3] == 1.0
    assert sizes[1] > 1.0 and sizes[2] > 1.0
    for row in rows:
        assert set(row["rounds"][0]["cpu"]) == {"front end", batcher_of(row["way"]), "broker"}
    assert "| 8 clients | adaptive | " in capsys.readouterr().out
    assert (tmp_path / "compare.png").read_bytes().startswith(b"\x89PNG")


def test_the_ceilings_of_a_model_are_measured_and_kept(tmp_path, capsys):
    file = tmp_path / "kept"

    status = ceiling.main(["--model", "synthetic:2ms+0ms", "--clients", "4", "--json", str(file), *BRIEFLY])

    (found,) = json.loads(file.read_text())["ceilings"]
    assert (status, sorted(found["shares"]["4"])) == (
        0,
        ["bare Starlette", "batching inside it", "the broker alone", "the model alone"],
    )
    assert all(share > 0.0 for share in found["shares"]["4"].values())
    served = {row["server"]: sorted(row["rounds"][0]["cpu"]) for row in found["rows"]}
    assert served == {
        "bare Starlette": ["bare"],
        "batching inside it": ["inside 0"],
        "Jitney": ["batcher model-0", "broker", "front end"],
    }
    assert [one["jobs"] for one in found["broker"]] == [4]
    assert "synthetic:2ms+0ms: answers a second, and Jitney's share of each limit" in capsys.readouterr().out


def test_a_model_that_is_none_ends_it_before_anything_is_started(capsys):
    assert ceiling.main(["--model", "synthetic:never"]) == 1
    assert "synthetic:never" in capsys.readouterr().err


@pytest.mark.skipif(len(usable_cores()) < 2, reason="one core cannot be shared out")
def test_servers_keep_to_their_cores_and_we_to_the_others():
    ours = usable_cores()
    first = {min(ours)}

    with open_stack(first) as stack:
        bare = stack.start_bare()
        placed = [os.sched_getaffinity(pid) for pid in (bare.pid, stack.pids()["broker"], 0)]

    assert placed == [first, first, ours - first]
    assert usable_cores() == ours
