"""What `make mutants` puts into the code is a fault each time, and code still."""

from __future__ import annotations

import ast

import pytest

from tests.mutants.mutations import mutations
from tests.mutants.runs import ROOT
from tests.mutants.subjects import EQUIVALENT, SUBJECTS

PLAIN = """
TUNED = 16
LEAST, MOST = 0.5, 1 << 20

def late(job, now):
    log.info("looked", at=now + 1)
    if not job or now >= job.deadline:
        return max(0.0, now - job.deadline)
    if not job.attempts:
        return None
    job.attempts += 1
"""


def test_every_mutant_is_another_program():
    source = PLAIN.encode()
    original = ast.dump(ast.parse(source))

    mutants = [ast.dump(ast.parse(each.applied(source))) for each in mutations(source)]

    assert original not in mutants
    assert len(set(mutants)) == len(mutants)


@pytest.mark.parametrize(
    "fault",
    ["if not job and now", "now > job.deadline", "min(0.0", "now + job.deadline", "return None", "job.attempts += 2"],
)
def test_the_usual_faults_are_among_them(fault):
    source = PLAIN.encode()

    assert any(fault in each.applied(source).decode() for each in mutations(source))


@pytest.mark.parametrize("kept", ["TUNED = 16", "LEAST, MOST = 0.5, 1 << 20", 'log.info("looked", at=now + 1)'])
def test_tuned_numbers_and_log_lines_stay(kept):
    source = PLAIN.encode()

    assert all(kept in each.applied(source).decode() for each in mutations(source))


@pytest.mark.parametrize("path", [path for paths in SUBJECTS.values() for path in paths])
def test_what_is_mutated_is_there(path):
    assert mutations((ROOT / path).read_bytes())


@pytest.mark.parametrize(("path", "line", "mutated"), EQUIVALENT)
def test_what_is_said_to_be_equivalent_is_there(path, line, mutated):
    source = (ROOT / path).read_bytes()
    lines = [each.applied(source).decode().splitlines()[each.line - 1].strip() for each in mutations(source)]

    assert line in [one.strip() for one in source.decode().splitlines()]
    assert mutated in lines
