"""Translation by HF `generate`: the plain way, and what the in-flight engine is compared with."""
