"""What a batcher remembers of the batches that it has claimed, until one FINISH after another has told their ends."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import structlog

from broker.header import text
from broker.messages import Finish, Job
from broker.trips import FRAME_BYTES, TRIP_BYTES, cut
from broker.wire import encode_result, frame_of

MOST = 512  # batches: an in-flight engine holds up to 256, of one job each
log = structlog.get_logger("broker")


@dataclass(slots=True)
class Publication:
    """What one FINISH brings: results that ended, within the bytes of a trip."""

    ids: dict[str, list[str]] = field(default_factory=dict)  # batch → jobs that leave its lease
    rows: dict[str, list[bytes]] = field(default_factory=dict)  # front end → rows of its frames
    done: Sequence[str] = ()  # batches whose leases go
    apart: list[str] = field(default_factory=list)  # jobs whose bodies lie apart: they go with these
    size: int = 0  # bytes

    def has_room_for(self, row: bytes) -> bool:
        """A row larger than a trip travels alone."""
        return not self.size or self.size + len(row) <= TRIP_BYTES

    def add(self, batch: str, job_id: str, address: str | None, row: bytes, *, lies_apart: bool = False) -> None:
        """One result; without an address its job leaves the lease all the same."""
        self.ids.setdefault(batch, []).append(job_id)
        if lies_apart:
            self.apart.append(job_id)
        if address:
            self.rows.setdefault(address, []).append(row)
            self.size += len(row)

    def frames(self) -> Iterator[tuple[str, list[bytes]]]:
        """For each front end its frames, mostly one."""
        for address, rows in self.rows.items():
            yield address, [frame_of(part) for part in cut(rows, FRAME_BYTES)]


@dataclass(slots=True)
class ClaimedBatch:
    """One of them."""

    addresses: dict[str, str]  # job id → the front end that waits for it
    apart: Collection[str] = ()  # jobs whose bodies lie apart
    told: set[str] = field(default_factory=set)  # jobs of a FINISH under way whose results were brought


class ClaimedBatches:
    """By batch, because a job whose lease was lost may be claimed here again: the end of its first run must not make
    its second one forget where the result goes."""

    def __init__(self) -> None:
        self._batches: dict[str, ClaimedBatch] = {}

    def remember(self, batch: str, jobs: Sequence[Job], spoiled: dict[str, str], apart: Sequence[bytes]) -> None:
        """It holds these jobs, those whose bytes are none (id → front end), and the bodies of some lie apart. A batch
        that was abandoned after a failure never finishes, so the oldest go."""
        while len(self._batches) >= MOST:
            del self._batches[next(iter(self._batches))]
        addresses = {job.id: job.front_end for job in jobs} | spoiled
        self._batches[batch] = ClaimedBatch(addresses, {text(data, "id") for data in apart})

    def address(self, batch: str, job: str) -> str | None:
        """Who waits for it; None where nobody is known to."""
        known = self._batches.get(batch)
        return known.addresses.get(job) if known else None

    def apart(self, batch: str, jobs: Iterable[str]) -> list[str]:
        """Those of these jobs whose bodies lie apart."""
        known = self._batches.get(batch)
        return [job for job in jobs if job in known.apart] if known and known.apart else []

    def drop(self, batch: str, jobs: Iterable[str]) -> None:
        """These have ended otherwise; a batch goes with its last job."""
        if known := self._batches.get(batch):
            for job in jobs:
                known.addresses.pop(job, None)
            if not known.addresses:
                del self._batches[batch]

    def forget(self, batch: str) -> None:
        self._batches.pop(batch, None)

    def publications(self, ended: Sequence[Finish]) -> Iterator[Publication]:
        """What ended, a trip at a time; the last one takes the leases of the batches that are done."""
        publication = Publication()
        for one in ended:
            known = self._batches.get(one.batch) or ClaimedBatch({})
            for result in one.results:
                if result.job_id in known.told:  # by a trip before one that failed
                    continue
                address = known.addresses.get(result.job_id)
                if address is None:
                    why = "nobody is known to wait for it"  # whose it was is forgotten as well
                    log.error("result dropped", job=result.job_id, batch=one.batch, reason=why)
                row = encode_result(result) if address else b""
                if not publication.has_room_for(row):
                    yield publication
                    publication = Publication()
                lies_apart = address is not None and result.job_id in known.apart  # else others may compute it
                publication.add(one.batch, result.job_id, address, row, lies_apart=lies_apart)
        publication.done = [one.batch for one in ended if one.done]
        yield publication

    def note_told(self, publication: Publication) -> None:
        """Its results were brought."""
        for batch, ids in publication.ids.items():
            if known := self._batches.get(batch):
                known.told.update(ids)

    def end(self, ended: Sequence[Finish]) -> None:
        """All of these were told."""
        for one in ended:
            if one.done:
                self.forget(one.batch)
            elif known := self._batches.get(one.batch):
                known.told.clear()
