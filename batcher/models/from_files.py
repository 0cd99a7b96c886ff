"""From a kind and its files to the model: finds the files first, since torch takes seconds to arrive."""

from __future__ import annotations

from batcher.models.contract import Model
from batcher.models.errors import ModelSpecError
from batcher.models.settings import ModelSettings
from batcher.models.weights import Weights, find_weights


def load_from_files(kind: str, where: str, revision: str | None, settings: ModelSettings) -> Model:
    """A classification, embedding or translation model. Raises `ModelSpecError`."""
    weights = find_weights(where, revision, offline=settings.offline)
    try:
        return _made(kind, weights, settings)
    except ModuleNotFoundError as error:
        raise ModelSpecError(
            f"a {kind} model needs {error.name}, which is not installed: pip install 'jitney[batcher]'"
        ) from error


def _made(kind: str, weights: Weights, settings: ModelSettings) -> Model:
    if kind == "classification":
        from batcher.models.classification import Classification

        return Classification(weights, settings)
    if kind == "embedding":
        from batcher.models.embedding import Embedding

        return Embedding(weights, settings)
    if settings.engine == "reference":
        from batcher.models.translation.reference import ReferenceTranslation

        return ReferenceTranslation(weights, settings)
    from batcher.models.translation.in_flight import InFlightTranslation

    return InFlightTranslation(weights, settings)
