"""The least that answers the same call: Starlette and uvicorn as the front end has them, with nothing behind.

    python -m benchmarks.lib.bare --port 9530

`POST /models/any` answers at once; `POST /models/sleeps-10` first sleeps so many milliseconds in a thread, as a model
does that takes its time: what is left above them is HTTP, the threads of this machine, and nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import time

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

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


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lib.bare", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int, default=9530, help="port on the loopback [default: 9530]")
    # The settings of server/http/uvicorn_server.py: the comparison is about what stands behind them.
    uvicorn.run(
        app,
        port=parser.parse_args().port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,
    )


if __name__ == "__main__":
    main()
