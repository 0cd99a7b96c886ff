"""The command line of tune, as far as it needs no server."""

from __future__ import annotations

import pytest

from benchmarks.tuning.tune.command import main


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param([], id="no SLO"),
        pytest.param(["--slo-p99", "0"], id="an SLO of nothing"),
        pytest.param(["--slo-p99", "200ms", "--rate", "5", "--max-throughput"], id="two aims"),
        pytest.param(["--slo-p99", "200ms", "--sizes", "0"], id="a size that no batcher takes"),
        pytest.param(["--slo-p99", "200ms", "--body", __file__], id="a body, of which no larger batch can be made"),
    ],
)
def test_a_command_line_that_cannot_be_ends_with_2(wrong, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main([*wrong, "--out", str(tmp_path)])

    assert (ended.value.code, "error:" in capsys.readouterr().err) == (2, True)


def test_a_dry_run_says_what_and_how_long_and_asks_nobody(tmp_path, capsys):
    status = main(["--slo-p99", "20ms", "--out", str(tmp_path / "new"), "--dry-run"])

    said = capsys.readouterr()
    assert (status, said.out, (tmp_path / "new").exists()) == (0, "", False)
    assert "settings in the grid" in said.err and "fixed 10 ms, 8 jobs" in said.err
    assert "fixed 20 ms" not in said.err  # it leaves no time for a batch
