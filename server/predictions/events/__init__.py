"""/predictions/{id}/events: how a prediction comes along, told as it happens, wherever it runs."""
