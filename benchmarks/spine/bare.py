"""The least that answers the same call: Starlette and uvicorn as they come, with nothing behind.

    python -m benchmarks bare --port 9530

`POST /models/any` answers at once; `POST /models/sleeps-10` first sleeps so many milliseconds in a thread, as a model
does that takes its time: what is left above them is HTTP, the threads of this machine, and nothing else.

    python -m benchmarks bare --model synthetic:10ms+0ms

holds the model itself and answers in batches: what Python can do without a broker and without a second process.
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

from benchmarks.lib.arguments import above, parser
from benchmarks.spine.batching import batching_app

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
    command.add_argument("--model", metavar="SPEC", help="answer with this model, in batches [default: at once]")
    command.add_argument("--max-batch-size", type=above(0), default=64, help="jobs in a batch [default: %(default)s]")
    asked = command.parse_args(arguments)
    try:
        served = batching_app(asked.model, asked.max_batch_size) if asked.model else app
    except ValueError as error:
        command.error(str(error))
    # The settings of server/http/uvicorn_server.py, so that neither does what the other need not.
    uvicorn.run(
        served,
        port=asked.port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on" if asked.model else "off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,
    )
    return 0
