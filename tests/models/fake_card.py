"""A CUDA card without one: tensors that say they are on `cuda`, with real numbers behind them on the CPU.

What would fail on a card fails here (an operation on tensors of both devices), and what a card would be waited for is
counted: values that Python looks at, and copies between the devices that are not asked to overlap. The rules are those
of torch's own FakeTensorMode, whose tensors have no numbers, so that a search could not go on with them.
"""

from __future__ import annotations

import ctypes
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

CUDA, CPU = torch.device("cuda:0"), torch.device("cpu")
ROOT = Path(__file__).parents[2]
COPIES = ("to", "_to_copy", "copy_")
LOOKS = ("_local_scalar_dense", "item", "equal", "is_nonzero", "nonzero", "masked_select", "unique")
# Indices may be on the CPU, says torch; each is then sent to the card, which waits for it.
INDEXING = ("index", "index_put", "index_put_", "_index_put_impl_")


class MixedDevices(AssertionError):
    """An operation was given tensors of the card and of the CPU."""


class OnCard(torch.Tensor):
    """A tensor whose numbers are in `numbers`, and whose device is CUDA."""

    numbers: torch.Tensor

    @staticmethod
    def __new__(cls, real: torch.Tensor) -> OnCard:
        shape, strides, offset = real.shape, real.stride(), real.storage_offset()
        with torch.inference_mode(False):  # a view of a parameter, made in inference mode, is no inference tensor
            made: OnCard = torch.Tensor._make_wrapper_subclass(
                cls, shape, strides=strides, storage_offset=offset, dtype=real.dtype, device=CUDA
            )
        made.numbers = real
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise AssertionError("a tensor of the fake card was used where there is none")

    def tolist(self) -> Any:
        FakeCard.active().wait("tolist")
        return self.numbers.tolist()

    def __repr__(self, **_: Any) -> str:
        return f"OnCard({tuple(self.shape)}, {self.dtype})"


class FakeCard(TorchDispatchMode):
    """`waits` counts what a step would wait for, by operation and by the line of our code that asked."""

    _active: ClassVar[list[FakeCard]] = []

    def __init__(self) -> None:
        super().__init__()
        self.waits: Counter[str] = Counter()

    @classmethod
    def active(cls) -> FakeCard:
        return cls._active[-1]

    def __enter__(self) -> FakeCard:
        self._active.append(self)
        super().__enter__()
        return self

    def __exit__(self, *how: Any) -> None:
        super().__exit__(*how)
        self._active.pop()

    def wait(self, what: str) -> None:
        self.waits[f"{what} in {_place()}"] += 1

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        said = _named(func, args, kwargs or {})
        tensors = [one for one in tree_flatten((args, kwargs))[0] if isinstance(one, torch.Tensor)]
        is_here = any(isinstance(one, OnCard) for one in tensors)
        target = said.get("device")
        goes_to = torch.device(target).type if target is not None else ("cuda" if is_here else "cpu")
        if name == "copy_":
            goes_to = "cuda" if isinstance(args[0], OnCard) else "cpu"
        self._judge(name, tensors, said, is_here=is_here, goes_to=goes_to)
        plain_args, plain_kwargs = tree_map(_real, args), tree_map(_real, kwargs or {})
        found = func(*plain_args, **plain_kwargs)
        if name.endswith("_") and not name.endswith("__") and isinstance(args[0], torch.Tensor):
            return args[0]
        return tree_map(OnCard, found, is_leaf=_is_tensor) if goes_to == "cuda" and _has_tensor(found) else found

    def _judge(self, name: str, tensors: list[torch.Tensor], said: Any, *, is_here: bool, goes_to: str) -> None:
        elsewhere = [one for one in tensors if not isinstance(one, OnCard) and one.dim() > 0]
        if name in COPIES:
            comes_from = "cuda" if (isinstance(tensors[-1], OnCard)) else "cpu"
            if comes_from != goes_to and not said.get("non_blocking"):
                self.wait("upload" if goes_to == "cuda" else "download")
        elif is_here and name in INDEXING:
            places = [one for one in said["indices"] if one is not None]
            if any(one.dtype == torch.bool for one in places):
                self.wait("mask")
            if any(not isinstance(one, OnCard) for one in places):
                self.wait("index")
            _refuse(name, [one for one in elsewhere if all(one is not place for place in places)])
        elif is_here:
            _refuse(name, elsewhere)
            if name in LOOKS:
                self.wait(name)


@contextmanager
def fake_card() -> Iterator[FakeCard]:
    """Within the block `cuda:0` is a card. It must be named so, with its number."""
    _let_cuda_be_named()
    with pytest.MonkeyPatch.context() as patch, FakeCard() as card:
        patch.setattr("torch.cuda._lazy_init", lambda: None)
        patch.setattr("torch.cuda.device_count", lambda: 1)
        # A module that is moved gets new parameters: into those that it has only numbers could be put.
        patch.setattr("torch.__future__._overwrite_module_params_on_conversion", True)
        patch.setattr("torch.tensor", _tensor)  # it would ask the real device, beside all modes
        yield card


_made = torch.tensor


def _tensor(data: Any, *, device: Any = None, **how: Any) -> torch.Tensor:
    made = _made(data, **how)
    return made if device is None else made.to(device)


def _let_cuda_be_named() -> None:
    """Where torch was built without CUDA it refuses the name, as nobody is there who could switch to such a device.
    Whoever does it for `meta` does nothing, which suits us. A build with CUDA has its own, which stays."""
    library = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libc10.so"))
    guards = (ctypes.c_void_p * 21).in_dll(library, "_ZN3c104impl26device_guard_impl_registryE")
    guards[1] = guards[1] or guards[14]


def _refuse(name: str, tensors: list[torch.Tensor]) -> None:
    if tensors:
        raise MixedDevices(f"{name} is given {tuple(tensors[0].shape)} of the CPU beside the card's, in {_place()}")


def _named(func: Any, args: Any, kwargs: Any) -> dict[str, Any]:
    return {argument.name: value for argument, value in zip(func._schema.arguments, args, strict=False)} | kwargs


def _real(one: Any) -> Any:
    if isinstance(one, OnCard):
        return one.numbers
    return CPU if isinstance(one, torch.device) and one.type == "cuda" else one


def _is_tensor(one: Any) -> bool:
    return isinstance(one, torch.Tensor)


def _has_tensor(found: Any) -> bool:
    return any(isinstance(one, torch.Tensor) for one in tree_flatten(found)[0])


def _place() -> str:
    """The innermost line of the batcher's."""
    frames = [frame for frame in traceback.extract_stack() if frame.filename.startswith(str(ROOT / "batcher"))]
    return f"{Path(frames[-1].filename).relative_to(ROOT)}:{frames[-1].name}" if frames else "somewhere"
