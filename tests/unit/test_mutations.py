"""What `make mutants` puts into the code is a fault each time, and code still."""

from __future__ import annotations

import ast

import pytest

from tests.mutants.mutations import mutations

PLAIN = """
TUNED = 16

def late(job, now):
    log.info("looked", at=now + 1)
    if not job or now >= job.deadline:
        return max(0.0, now - job.deadline)
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


@pytest.mark.parametrize("kept", ["TUNED = 16", 'log.info("looked", at=now + 1)'])
def test_tuned_numbers_and_log_lines_stay(kept):
    source = PLAIN.encode()

    assert all(kept in each.applied(source).decode() for each in mutations(source))
