"""Texts in many languages, to token ids and back."""
