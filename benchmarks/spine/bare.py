"""The least that answers the same call: Starlette and uvicorn as the front end has them, with nothing behind.

    python -m benchmarks bare --port 9530

`POST /models/any` answers at once; `POST /models/sleeps-10` first sleeps so many milliseconds in a thread, as a model
does that takes its time: what is left above them is HTTP, the threads of this machine, and nothing else.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from benchmarks.lib.arguments import parser

SLEEPS = "sleeps-"


async def answer(request: Request) -> JSONResponse:
    """Every text reversed, as the synthetic model does, but here."""
    _, _, milliseconds = request.path_params["name"].partition(SLEEPS)
    if milliseconds:
        await asyncio.to_thread(time.sleep, int(milliseconds) / 1000)
    envelope = await request.json()
    records = envelope["payload"]["records"]
    return JSONResponse({"result": [{"id": record["id"], "text": record["text"][::-1]} for record in records]})


app = Starlette(routes=[Route("/models/{name}", answer, methods=["POST"])])


def main(arguments: Sequence[str]) -> int:
    """Serve until somebody ends it."""
    command = parser("bare", __doc__)
    command.add_argument("--port", type=int, default=9530, help="port on the loopback [default: 9530]")
    # The settings of server/http/uvicorn_server.py: the comparison is about what stands behind them.
    uvicorn.run(
        app,
        port=command.parse_args(arguments).port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,
    )
    return 0
