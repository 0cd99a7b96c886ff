"""What schemathesis checks besides its own: that no answer is of a crash."""

from __future__ import annotations

import schemathesis


@schemathesis.check
def is_no_crash(ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case) -> None:
    """Some APIs answer with a 500 what is another status elsewhere; `internal` is none of it."""
    assert b'"internal"' not in response.content or response.status_code < 500, response.text
