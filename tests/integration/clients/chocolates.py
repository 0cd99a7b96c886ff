"""A sentence that the demo model translates well."""

from __future__ import annotations

CHOCOLATES = "Life is like a box of chocolates."
CHOCOLATES_DE = "Das Leben ist wie eine Schachtel Pralinen."
