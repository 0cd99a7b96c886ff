"""What one FINISH brings: rows for the front ends that wait for them, within the bytes of a trip. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from broker.trips import FRAME_BYTES, TRIP_BYTES, cut
from broker.wire import frame_of


@dataclass(slots=True)
class Publication:
    """Some of the results that ended."""

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
