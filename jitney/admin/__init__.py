"""What operators ask: status, doctor, default models."""
