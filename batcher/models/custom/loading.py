"""A model of one's own: `module:Class`, imported from the current directory or from what is installed."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from batcher.engines.lost_device import refuse_lost
from batcher.models.contract import Model
from batcher.models.custom.members import check_members
from batcher.models.errors import ModelSpecError, describe
from batcher.models.settings import ModelSettings


def load_custom(where: str, settings: ModelSettings) -> Model:
    """An object of the class that `module:Class` names, made without arguments or with `settings`."""
    module_name, _, class_name = where.partition(":")
    with _current_directory_importable():
        model_class = _find_class(_import(module_name), class_name)
        model = _make(model_class, where, settings)
    check_members(model, where)
    checked: Model = model
    return checked


def source_hash(model: Model) -> str:
    """Of the file that defines this model's class: another text may give other answers. Empty where it has none."""
    try:
        return hashlib.sha256(Path(inspect.getfile(type(model))).read_bytes()).hexdigest()
    except (TypeError, OSError):
        return ""


@contextmanager
def _current_directory_importable() -> Iterator[None]:
    # `python -m batcher` has it on the path already; a console script and a container's entry point do not.
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path.remove(here)


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(error.name + ".")):
            raise ModelSpecError(
                f"there is no module {name}: it must be in the current directory or installed"
            ) from error
        raise ModelSpecError(f"{name} needs the module {error.name}, which is not installed") from error
    except BaseException as error:  # SystemExit too: a script that is run is no module to import
        raise ModelSpecError(f"{name} cannot be imported: {describe(error)}") from error


def _find_class(module: ModuleType, name: str) -> Any:
    found = getattr(module, name, None)
    if not callable(found):
        raise ModelSpecError(f"{module.__name__} has no class {name}")
    return found


def _make(model_class: Any, where: str, settings: ModelSettings) -> Any:
    try:
        wants_settings = bool(inspect.signature(model_class).parameters)
        return model_class(settings) if wants_settings else model_class()
    except BaseException as error:
        refuse_lost(error)
        raise ModelSpecError(f"{where} cannot be made: {describe(error)}") from error
