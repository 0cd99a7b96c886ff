"""What the clients of DeepL's API speak, version 2 of it."""
