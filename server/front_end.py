"""Everything an endpoint may need, in one place."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from server.broker_tasks import Link
from server.codecs.pool import CodecPool
from server.fleet.directory import Directory
from server.http.bytes_in_hand import BytesInHand
from server.http.deadline import Watch
from server.metrics import Metrics
from server.requests.pending import Door
from server.settings import ServerSettings


@dataclass(slots=True, kw_only=True)
class FrontEnd:
    """One front-end process."""

    settings: ServerSettings
    link: Link
    metrics: Metrics = field(default_factory=Metrics)
    clock: Callable[[], float] = time.monotonic
    is_draining: bool = False
    watch: Watch = field(init=False)
    bytes_in_hand: BytesInHand = field(init=False)

    def __post_init__(self) -> None:
        self.watch = Watch(self.clock)
        self.bytes_in_hand = BytesInHand(self.settings.max_bytes_in_hand)

    @property
    def door(self) -> Door:
        return self.link.door

    @property
    def pool(self) -> CodecPool:
        return self.link.pool

    @property
    def directory(self) -> Directory:
        """The models as the last look showed them. Raises `Problem` before the broker was met."""
        if not self.link.registry.has_met_broker:
            raise self.door.broker_is_away()
        return self.link.registry.directory
