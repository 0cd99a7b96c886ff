"""Predictions as tests ask for them."""

from __future__ import annotations

from typing import Any

import httpx2

from tests.unit.server.stand_in import RunningFrontEnd

ASYNC = {"Prefer": "respond-async"}


async def ended(jitney: RunningFrontEnd, accepted: httpx2.Response, wait: int = 30) -> dict[str, Any]:
    """The document of this prediction once it has ended."""
    return (await jitney.client.get(accepted.headers["location"], params={"wait": wait})).json()


async def result(jitney: RunningFrontEnd, accepted: httpx2.Response) -> httpx2.Response:
    return await jitney.client.get(accepted.headers["location"] + "/result", params={"wait": 30})
