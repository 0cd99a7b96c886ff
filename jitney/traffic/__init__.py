"""`jitney traffic`: which share of a model's requests each of its revisions is given."""
