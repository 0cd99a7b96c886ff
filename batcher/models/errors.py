"""What goes wrong before a model is there."""

from __future__ import annotations


class ModelSpecError(ValueError):
    """This spec names no model that can be served here. One line, for the person who typed it: what, and what to do."""
