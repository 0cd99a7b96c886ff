"""`jitney translate`, `classify`, `embed`, `rerank`: a model asked from a shell."""

COMMANDS = {
    "translate": "Translate texts.",
    "classify": "Label texts.",
    "embed": "Turn texts into vectors.",
    "rerank": "Order texts by how well they answer a query.",
}
