"""Pictures in, scores out: prepared by the front ends as the checkpoint's own processor would, normalised here."""
