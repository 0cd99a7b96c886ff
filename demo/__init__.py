"""The demo models: where their sentences come from, how they are trained, how they are measured."""
