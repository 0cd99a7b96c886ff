"""Everything an endpoint may need, in one place."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from server.broker_tasks import BrokerTasks
from server.broker_view import BrokerView
from server.cache.cache import Cache
from server.callers.authentication import Authentication
from server.callers.caller import ANONYMOUS, Caller
from server.codecs.pool import CodecPool
from server.files.files import Files
from server.fleet.aliases import own_name, parse_aliases
from server.fleet.directory import Directory
from server.history.history import History
from server.http.addresses import part
from server.http.bytes_in_hand import BytesInHand
from server.http.deadline import DeadlineSweeper
from server.metrics import Metrics
from server.predictions.lane_share import LaneShare
from server.predictions.room import SHARE, BodyRoom
from server.requests.pending import PendingRequests
from server.settings import ServerSettings

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer


@dataclass(slots=True, kw_only=True)
class FrontEnd:
    """One front-end process."""

    settings: ServerSettings
    tasks: BrokerTasks
    metrics: Metrics = field(default_factory=Metrics)
    clock: Callable[[], float] = time.monotonic
    is_draining: bool = False
    webhook_secrets: Sequence[bytes] = field(default=(), repr=False)
    files: Files | None = None
    authentication: Authentication | None = None  # None: everybody may call
    history: History | None = None
    cache: Cache | None = None  # None: every input is computed
    broker_view: BrokerView | None = None  # None: Prometheus is told nothing of the broker
    tracer: Tracer | None = None  # None: there are no spans
    deadlines: DeadlineSweeper = field(init=False)
    bytes_in_hand: BytesInHand = field(init=False)
    prediction_bodies: dict[str, BodyRoom] = field(init=False)  # by model
    aliases: Mapping[str, str] = field(init=False)  # names of models, by what clients call them
    lane_share: LaneShare = field(default_factory=LaneShare)  # of large predictions and file batches

    def __post_init__(self) -> None:
        self.aliases = parse_aliases(self.settings.alias)
        self.deadlines = DeadlineSweeper(self.clock)
        self.bytes_in_hand = BytesInHand(self.settings.max_bytes_in_hand)
        most = self.settings.max_bytes_in_hand // SHARE
        self.prediction_bodies = defaultdict(lambda: BodyRoom(most))

    def called(self, name: str) -> str:
        """The model's own name, of whatever an address calls it by."""
        return own_name(self.aliases, part(name))

    def caller_named(self, id: str) -> Caller:
        """Who has asked for what is to be computed now. Raises `Problem` where that key is known no more."""
        return self.authentication.named(id) if self.authentication is not None and id else ANONYMOUS

    @property
    def pending(self) -> PendingRequests:
        return self.tasks.pending

    @property
    def pool(self) -> CodecPool:
        return self.tasks.pool

    @property
    def directory(self) -> Directory:
        """The models as the last look showed them. Raises `Problem` before the broker was met."""
        if not self.tasks.discovery.has_met_broker:
            raise self.tasks.breaker.problem()
        return self.tasks.discovery.directory
