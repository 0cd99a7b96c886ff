"""`python -m benchmarks`: its names lead somewhere, and its help is quick and says what there is."""

from __future__ import annotations

import subprocess
import sys

import pytest

from benchmarks.__main__ import COMMANDS, main


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_every_measurement_is_listed(arguments, capsys):
    status = main(arguments)

    listed = capsys.readouterr().out
    assert (status, [name for name in COMMANDS if f"\n  {name} " not in listed]) == (0, [])


@pytest.mark.parametrize("name", COMMANDS)
def test_a_measurement_s_help_calls_it_by_its_name(name, capsys):
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])

    assert (ended.value.code, capsys.readouterr().out.partition(" [")[0]) == (0, f"usage: python -m benchmarks {name}")


def test_a_name_that_is_none_gets_the_nearest_one(capsys):
    status = main(["stress-test"])

    assert (status, "did you mean stress_test?" in capsys.readouterr().err) == (2, True)


def test_a_name_that_is_near_to_none_gets_the_list(capsys):
    status = main(["xyzzy"])

    said = capsys.readouterr().err
    assert (status, "did you mean" in said, "  spine " in said) == (2, False, True)


def test_an_interrupted_measurement_ends_with_130(monkeypatch):
    def interrupted(arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("benchmarks.load.command.main", interrupted)

    assert main(["load", "--rate", "1"]) == 130


@pytest.mark.parametrize("name", ["load", "stress_test", "spine"])
def test_help_loads_no_torch(name):
    command = [sys.executable, "-X", "importtime", "-m", "benchmarks", name, "--help"]

    imported = subprocess.run(command, capture_output=True, text=True, check=True).stderr

    assert ("argparse" in imported, "torch" in imported) == (True, False)
