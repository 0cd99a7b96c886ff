"""Large predictions: they go out in portions, and what their records have come to is kept while the others run."""
