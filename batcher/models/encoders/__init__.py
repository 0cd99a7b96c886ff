"""Texts to labels and vectors: the BERT family without padding, any other as transformers computes it."""
