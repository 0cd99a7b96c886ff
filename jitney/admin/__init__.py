"""What operators ask: status, doctor, dead letters, default models."""
