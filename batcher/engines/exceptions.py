"""What an exception says of the machine: no memory was left, or a card that has failed for good. Pure.

By words, since CUDA and the libraries on it have no classes for this, or each its own; and no torch here, which a model
need not use.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator

from batcher.models.contract import OutOfMemory

# Exceptions that quote what a client wrote are of these classes; CUDA's never are.
OF_INPUTS = (ValueError, TypeError, LookupError, AssertionError, AttributeError)
LONGEST = 4096  # characters of a message that are looked at, from either end

# CUDA says of each: "the process must be terminated and relaunched".
STICKY = re.compile(
    r"device-side assert|illegal memory access was encountered|unspecified launch failure"
    r"|cudaError(IllegalAddress|LaunchFailure|LaunchTimeout|Assert|MisalignedAddress|IllegalInstruction|InvalidPc"
    r"|HardwareStackError|InvalidAddressSpace|ECCUncorrectable|NvlinkUncorrectable|ContextIsDestroyed|Mps\w+"
    r"|ExternalDevice|Contained|TensorMemoryLeak|Unknown)"
    r"|(CUDA|hip)_?ERROR_?(ILLEGAL_?ADDRESS|LAUNCH_?FAIL\w+|LAUNCH_?TIMEOUT|ASSERT|MISALIGNED_?ADDRESS"
    r"|ILLEGAL_INSTRUCTION|INVALID_PC|HARDWARE_STACK_ERROR|INVALID_ADDRESS_SPACE|ECC_?\w+|NVLINK_UNCORRECTABLE"
    r"|CONTEXT_?IS_?DESTROYED|MPS_\w+|EXTERNAL_DEVICE|CONTAINED|UNKNOWN)"
    # What cuBLAS and its siblings say on such a card. They may say it on a sound one as well; a fresh process is cheap
    # then, while on a failed one every job to come would fail.
    r"|_STATUS_(EXECUTION_FAILED|INTERNAL_ERROR|MAPPING_ERROR)\b|CUFFT_(EXEC_FAILED|INTERNAL_ERROR)",
    re.IGNORECASE,
)
# The same in words that others use too: beside the name of the one who speaks.
SPEAKER = re.compile(r"\b(cuda|hip|triton|nccl|accelerator)", re.IGNORECASE)
STICKY_WORDS = re.compile(
    r"illegal memory access|launch failure|misaligned address|illegal instruction|invalid program counter"
    r"|hardware stack error|operation not supported on global/shared address space|launch timed out|uncorrectable"
    r"|\bECC\b|context is destroyed|\bMPS\b|unknown error|hardware error|memory not completely freed"
    # A card that has gone, or that is somebody else's: no later call can reach it.
    r"|invalid device context|driver shutting down|external entity|no CUDA-capable device"
    r"|CUDA-capable device\S* \S+ busy or unavailable|DevicesUnavailable|GPU is lost|fallen off the bus",
    re.IGNORECASE,
)
MEMORY = re.compile(
    r"out of memory|can't allocate memory|cannot allocate memory|not enough memory|failed to allocate|bad_alloc"
    r"|unable to allocate|could not allocate|ALLOC_FAILED|ALLOCATION_FAILED|cudaErrorMemoryAllocation"
    # What cuBLAS, cuDNN and NVML say on a full card.
    r"|ERROR_OUT_OF_MEMORY|_STATUS_NOT_INITIALIZED|valid cuDNN algorithm|NVML_SUCCESS =="
    r"|unable to find an engine to execute",
    re.IGNORECASE,
)


def card_failed(error: BaseException) -> str:
    """The words by which this exception, or one behind it, says that its card can compute no more; else ""."""
    return next((said for one in behind(error) if (said := _failure(_words(one)))), "")


def is_memory(error: BaseException) -> bool:
    """Whether this exception, or one behind it, says that no memory was left: on the card or beside it."""
    return any(_is_memory(one) for one in behind(error))


def behind(error: BaseException) -> Iterator[BaseException]:
    """The exception, those that it was raised from or beside, and the members of groups; each once."""
    left, seen = [error], set[int]()
    while left:
        one = left.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        if isinstance(one, BaseExceptionGroup):
            left.extend(one.exceptions)
        before = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
        if before is not None:
            left.append(before)


def one_line(error: BaseException, most: int = 300) -> str:
    """Class and message, for people."""
    words = " ".join(_message(error).split())
    return f"{type(error).__name__}: {words[:most]}" if words else type(error).__name__


def _failure(words: str) -> str:
    found = STICKY.search(words) or (STICKY_WORDS.search(words) if SPEAKER.search(words) else None)
    return found[0] if found else ""


def _is_memory(error: BaseException) -> bool:
    if isinstance(error, OutOfMemory | MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return bool(MEMORY.search(_words(error)))


def _words(error: BaseException) -> str:
    """What it says of the machine: nothing, where it speaks of an input."""
    if isinstance(error, OF_INPUTS):
        return ""
    said = f"{type(error).__name__}: {_message(error)}"
    return said if len(said) <= 2 * LONGEST else said[:LONGEST] + "\n" + said[-LONGEST:]


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # a class of one's own may fail at this too
        return ""
