"""What the clients of OpenAI's API speak, under /v1/."""
