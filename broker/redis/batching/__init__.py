"""What the batcher's broker on Redis is made of: each file is about one of the things that it asks or keeps."""
