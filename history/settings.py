"""The writer's settings, as a table."""

from __future__ import annotations

from dataclasses import dataclass

from broker.common.durations import parse_duration
from broker.settings import setting

SHORTEST = 3600.0  # seconds that rows are kept at least


@dataclass(frozen=True, slots=True, kw_only=True)
class HistorySettings:
    """Of the process that writes the history."""

    history_database: str = setting(
        "", "where rows are written: postgresql://…, sqlite:///PATH or a path; a password belongs in the variable"
    )
    history_keep: str = setting(
        "180d", "how long rows are kept: 180d, 48h; PostgreSQL drops a month when its last day is so old"
    )
    metrics_port: int = setting(9530, "port of /metrics; 0 switches it off")
    metrics_host: str = setting("127.0.0.1", "address that /metrics listens on; 0.0.0.0 for every interface")
    log_level: str = setting("info", "debug, info, warning or error", choices=("debug", "info", "warning", "error"))

    @property
    def keep(self) -> float:
        """Seconds."""
        return parse_duration(self.history_keep)

    def complaints(self) -> list[str]:
        """What cannot be, with its remedy."""
        found = [] if self.history_database else ["--history-database must say where: postgresql://…, or a file's path"]
        try:
            if self.keep < SHORTEST:
                found.append("--history-keep must be 1h or more")
        except ValueError as error:
            found.append(f"--history-keep: {error}")
        return found
