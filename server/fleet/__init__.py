"""Which models live, how fast they are, and with which codecs."""
