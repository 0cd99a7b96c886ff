"""What the clients of Hugging Face's text-embeddings-inference speak."""
