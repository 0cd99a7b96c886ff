"""What the clients of LibreTranslate speak: Weblate, Mastodon, Discourse, SearXNG and many others."""
