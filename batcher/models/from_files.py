"""From a kind and its files to the model: finds the files first, since torch takes seconds to arrive."""

from __future__ import annotations

from batcher.models.contract import Model
from batcher.models.errors import ModelSpecError
from batcher.models.files.integrity import check_files
from batcher.models.files.notes import check_notes
from batcher.models.files.tokenizer_files import check_tokenizer
from batcher.models.files.weights import Weights, find_weights
from batcher.models.images.recipe import recipe_of
from batcher.models.settings import ModelSettings


def load_from_files(kind: str, where: str, revision: str | None, settings: ModelSettings) -> Model:
    """A model of one of the kinds that are made from files. Raises `ModelSpecError`."""
    weights = find_weights(where, revision, offline=settings.offline)
    try:
        _check(kind, weights)
    except OSError as error:
        raise ModelSpecError(f"{error.filename or where} cannot be read: {error.strerror or error}") from error
    try:
        return _made(kind, weights, settings)
    except ModuleNotFoundError as error:
        raise ModelSpecError(
            f"a {kind} model needs {error.name}, which is not installed: pip install 'jitney[batcher]'"
        ) from error


def _check(kind: str, weights: Weights) -> None:
    """What shows before the weights are read, and before torch arrives."""
    check_files(weights.files())
    check_notes(weights)
    if kind == "image-classification":
        recipe_of(weights)
    elif kind != "translation":  # which reads its own, after it has looked whether the family is served
        check_tokenizer(weights)


def _made(kind: str, weights: Weights, settings: ModelSettings) -> Model:
    if kind == "classification":
        from batcher.models.encoders.classification import Classification

        return Classification(weights, settings)
    if kind == "embedding":
        from batcher.models.encoders.embedding import Embedding

        return Embedding(weights, settings)
    if kind == "image-classification":
        from batcher.models.images.classification import ImageClassification

        return ImageClassification(weights, settings)
    if kind in ("rerank", "zero-shot"):
        from batcher.models.encoders.pairs import Rerank, ZeroShot

        return (Rerank if kind == "rerank" else ZeroShot)(weights, settings)
    if settings.engine == "reference":
        from batcher.models.translation.reference.model import ReferenceTranslation

        return ReferenceTranslation(weights, settings)
    from batcher.models.translation.model import InFlightTranslation

    return InFlightTranslation(weights, settings)
