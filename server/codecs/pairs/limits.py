"""How much a request may name, at most, that each of its records is computed with."""

from __future__ import annotations

LONGEST_QUERY = 16_384  # characters: so much is read whole, which shows which of two long texts is the longer
MOST_LABELS = 100
LONGEST_LABEL = 200  # characters
LONGEST_TEMPLATE = 400  # characters
