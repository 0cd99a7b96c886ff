"""From HTTP to the model and back."""
