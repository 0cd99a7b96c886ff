"""A TCP proxy in front of the broker whose faults are `with` blocks.

    with proxy_to(stack.broker.url) as proxy:
        front_end = stack.start_front_end(JITNEY_REDIS_URL=proxy.url)
        with proxy.black_hole(only=b"bell:"):
            ...

`only` limits a fault to connections whose client said these bytes lately: `b"bell:"` is the reply reader's.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine, Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from broker.common.free_port import free_port

CHUNK = 1 << 16
REMEMBERED = 4096  # bytes of what a client said last
AFTERMATH = 0.1  # seconds in which the server may still work on what it was sent


class Link:
    """One client's connection and ours to the server."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.client, self.server = client, server
        self.said = b""  # the last of it

    def reset(self) -> None:
        """The client sees a reset, not an orderly end."""
        raw = self.client.get_extra_info("socket")
        if raw is not None and not self.client.is_closing():
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.client.transport.abort()


class Fault:
    """What becomes of every chunk on its way; this one does nothing."""

    def __init__(self, only: bytes = b"") -> None:
        self._only = only

    def touches(self, link: Link) -> bool:
        """Whether this connection is affected."""
        return self._only in link.said

    async def meet(self, link: Link, to_server: bool, data: bytes) -> bytes:
        """What passes of `data`; empty is nothing. An empty `data` is the end of the stream."""
        return data


class Delay(Fault):
    """Every reply comes so many seconds later."""

    def __init__(self, seconds: float, only: bytes) -> None:
        super().__init__(only)
        self._seconds = seconds

    async def meet(self, link: Link, to_server: bool, data: bytes) -> bytes:
        if not to_server:
            await asyncio.sleep(self._seconds)
        return data


class BlackHole(Fault):
    """Nothing passes and nothing breaks. What was sent arrives when it is lifted, as TCP would have it."""

    def __init__(self, only: bytes) -> None:
        super().__init__(only)
        self.lifted = asyncio.Event()

    async def meet(self, link: Link, to_server: bool, data: bytes) -> bytes:
        await self.lifted.wait()
        return data


class HalfOpen(BlackHole):
    """Swallows the connections of this moment for ever; new ones are well."""

    def __init__(self, links: set[Link]) -> None:
        super().__init__(b"")
        self._links = links

    def touches(self, link: Link) -> bool:
        return link in self._links

    async def meet(self, link: Link, to_server: bool, data: bytes) -> bytes:
        """Once its client has given it up the server is rid of it too: nothing stays behind for its limits to find."""
        return await super().meet(link, to_server, data) if data or not to_server else data


class Throttle(Fault):
    """So many bytes a second pass in each direction, of all connections together: one slow cable."""

    def __init__(self, rate: float, only: bytes) -> None:
        super().__init__(only)
        self._rate = rate
        self._cables = {True: asyncio.Lock(), False: asyncio.Lock()}

    async def meet(self, link: Link, to_server: bool, data: bytes) -> bytes:
        async with self._cables[to_server]:
            await asyncio.sleep(len(data) / self._rate)
        return data


class DroppedReply(Fault):
    """The reply to the n-th command with these bytes is lost, and its connection with it; the server has obeyed."""

    def __init__(self, command: bytes, nth: int) -> None:
        super().__init__()
        self._command, self._left = command, nth
        self._cursed: Link | None = None
        self.happened = threading.Event()

    async def meet(self, link: Link, to_server: bool, data: bytes) -> bytes:
        if to_server:
            self._count(link, data)
            return data
        if link is not self._cursed or self.happened.is_set():
            return data
        self.happened.set()
        await asyncio.sleep(AFTERMATH)  # a pipeline's later commands are still being carried out
        link.reset()
        return b""

    def _count(self, link: Link, data: bytes) -> None:
        found = data.count(self._command)
        if found and self._left > 0:
            self._left -= found
            self._cursed = link if self._left <= 0 else None


class Proxy:
    """Lives in a thread with an event loop of its own, so that tests may be plain functions."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = (parts.hostname or "127.0.0.1", parts.port or 6379)
        self._port = free_port()
        who = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
        self.url = urlunsplit(parts._replace(netloc=f"{who}127.0.0.1:{self._port}"))
        self._loop = asyncio.new_event_loop()
        self._faults: list[Fault] = []
        self._links: set[Link] = set()
        self._serving: set[asyncio.Future[None]] = set()
        self._refuses = False

    # The faults

    @contextlib.contextmanager
    def delay(self, seconds: float, *, only: bytes = b"") -> Iterator[None]:
        """Every reply comes `seconds` later."""
        with self._with(Delay(seconds, only)):
            yield

    @contextlib.contextmanager
    def throttle(self, rate: float, *, only: bytes = b"") -> Iterator[None]:
        """`rate` bytes a second pass in each direction."""
        with self._with(Throttle(rate, only)):
            yield

    @contextlib.contextmanager
    def cut(self) -> Iterator[None]:
        """Every connection is reset, and new ones are too: as if nobody listened."""
        self._refuses = True
        self.reset()
        try:
            yield
        finally:
            self._refuses = False

    @contextlib.contextmanager
    def black_hole(self, *, only: bytes = b"") -> Iterator[None]:
        """Nothing passes, old connections and new ones stay open. What was sent arrives when the block ends."""
        fault = BlackHole(only)
        with self._with(fault):
            yield
        self._loop.call_soon_threadsafe(fault.lifted.set)

    @contextlib.contextmanager
    def half_open(self, *, only: bytes = b"") -> Iterator[int]:
        """The connections of this moment are dead and do not say so, for ever; new ones are well. Yields how many."""
        links = {link for link in list(self._links) if only in link.said}
        self._faults.append(HalfOpen(links))
        yield len(links)

    @contextlib.contextmanager
    def drop_reply(self, command: bytes, *, nth: int = 1) -> Iterator[DroppedReply]:
        """The n-th reply to `command` is lost; `.happened` (an Event) says when. Fails if it never did."""
        fault = DroppedReply(command, nth)
        with self._with(fault):
            yield fault
        assert fault.happened.is_set(), f"nobody sent {command!r} often enough"

    def reset(self) -> None:
        """Every connection of this moment is reset."""
        self._call(self._reset())

    @property
    def connections(self) -> int:
        """How many there are now."""
        return len(self._links)

    @contextlib.contextmanager
    def _with(self, fault: Fault) -> Iterator[None]:
        self._faults.append(fault)
        try:
            yield
        finally:
            self._faults.remove(fault)

    async def _reset(self) -> None:
        for link in list(self._links):
            link.reset()

    # The thread

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Listens for the length of the block."""
        thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        thread.start()
        server = self._call(asyncio.start_server(self._accept, "127.0.0.1", self._port))
        try:
            yield
        finally:
            self._call(self._end(server))
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()
            self._loop.close()

    def _call(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10.0)

    async def _end(self, server: asyncio.Server) -> None:
        server.close()
        await self._reset()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0.01)  # what is closing is closed, before its loop ends

    # One connection

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Not `_serve` itself: asyncio's own wrapper complains about one that is cancelled.
        serving = asyncio.ensure_future(self._serve(reader, writer))
        self._serving.add(serving)
        serving.add_done_callback(self._serving.discard)
        # One that is cancelled before it is connected, or has begun, has closed nothing.
        serving.add_done_callback(lambda _: writer.is_closing() or writer.transport.abort())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self._refuses:
                raise ConnectionRefusedError
            from_server, to_server = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        link = Link(writer, to_server)
        self._links.add(link)
        pumps = [
            asyncio.ensure_future(self._pump(link, reader, to_server, to_server=True)),
            asyncio.ensure_future(self._pump(link, from_server, writer, to_server=False)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._links.discard(link)
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            writer.transport.abort() if writer.is_closing() else writer.close()
            to_server.close()

    async def _pump(
        self, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, to_server: bool
    ) -> None:
        ended = False
        while not ended:
            data = await reader.read(CHUNK)
            ended = not data
            if to_server:
                link.said = (link.said + data)[-REMEMBERED:]
            for fault in list(self._faults):
                if fault.touches(link):
                    data = await fault.meet(link, to_server, data)
            if data:
                writer.write(data)
                await writer.drain()


@contextlib.contextmanager
def proxy_to(url: str) -> Iterator[Proxy]:
    """A proxy on loopback TCP in front of the broker at `url` (TCP too), for the length of the block."""
    proxy = Proxy(url)
    with proxy.running():
        yield proxy
