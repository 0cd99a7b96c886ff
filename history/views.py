"""The views: questions that are asked of every history, as SQL by their names."""

from __future__ import annotations

from collections.abc import Mapping

from history.databases.contract import Dialect

Views = Mapping[Dialect, Mapping[str, str]]  # name → its SELECT

# In PostgreSQL a view is replaced at each start, and may get new columns at its end. One that loses a column or gives
# it another type needs a migration that drops it first.
VIEWS: Views = {Dialect.POSTGRESQL: {}, Dialect.SQLITE: {}}
