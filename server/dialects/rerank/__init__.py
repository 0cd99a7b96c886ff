"""What the clients of Jina's and Cohere's rerankers speak, and all who have taken that body over from them."""
