"""How LibreTranslate's addresses refuse: `{"error": …}` in words that clients look for, beside our problem document.

Weblate asks nobody for half an hour once it has seen a 403, 429 or 503. So what is away for a moment is a 500 here.
"""

from __future__ import annotations

from collections.abc import Mapping

from broker.messages import FailureCode
from server.dialects.flavour import Flavour
from server.errors import KINDS, Problem, Refusal

KEPT = (404, 405, 408, 429, 431)
STATUSES: Mapping[str, int] = {
    code: 500 if kind.status >= 500 else 400 for code, kind in KINDS.items() if kind.status not in KEPT
}
FLAVOUR = Flavour(statuses=STATUSES)
status_of = FLAVOUR.status_of


def refuse(problem: Problem, request_id: str) -> Refusal:
    """The problem as LibreTranslate tells it."""
    said = _said(problem)
    if said == problem.detail:
        return FLAVOUR.refuse(problem, request_id)
    return FLAVOUR.refuse(Problem(problem.code, said, retry_after=problem.retry_after, **problem.extra), request_id)


def _said(problem: Problem) -> str:
    if problem.code in (FailureCode.CONTENDED, FailureCode.RATE_LIMITED):
        return f"Slowdown: {problem.detail}"
    if problem.code == FailureCode.TOO_LARGE and "exceeds text limit" not in problem.detail:
        limit = problem.extra.get("limit")
        return f"Invalid request: request exceeds text limit{'' if limit is None else f' ({limit})'}. {problem.detail}"
    return problem.detail
