"""Sentence embeddings and classification, without padding."""
