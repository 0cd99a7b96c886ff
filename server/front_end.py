"""Everything an endpoint may need, in one place."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from server.bytes_in_hand import BytesInHand
from server.codec_pool import CodecPool
from server.directory import Directory
from server.door import Door
from server.link import Link
from server.metrics import Metrics
from server.settings import ServerSettings
from server.vigil import Watch


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
