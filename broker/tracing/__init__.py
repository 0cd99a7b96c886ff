"""Traces: which one a request belongs to, and where spans go. OpenTelemetry is imported only where that is told."""
