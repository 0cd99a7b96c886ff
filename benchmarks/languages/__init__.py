"""How often the language of a short text is told right, and how long that takes."""
