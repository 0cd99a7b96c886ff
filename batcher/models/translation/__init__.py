"""M2M100 translation: one batch mixes all language pairs."""
