"""Who may call: API keys, what each of them allows, and how operators spell limits. Pure."""
