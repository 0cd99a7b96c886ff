"""What operators see of a broker, and change."""
