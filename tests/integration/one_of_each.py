"""A model for each task."""

MODELS = (
    "tests.integration.clients.models:Shout",
    "tests.integration.toy_embedders:Thirds",
    "tests.integration.toy_pairs:Ranker",
    "tests.integration.toy_pairs:Nli",
    "tests.integration.clients.models:Judge",
    "tests.integration.clients.models:Colour",
)
