"""The in-memory twin of the broker, for unit tests: the promises of `contract.py` without a server."""

from broker.memory.batcher import MemoryBatcher
from broker.memory.front_end import MemoryFrontEnd
from broker.memory.heartbeat import MemoryHeartbeat
from broker.memory.history import MemoryHistory
from broker.memory.store import MemoryStore

__all__ = ["MemoryBatcher", "MemoryFrontEnd", "MemoryHeartbeat", "MemoryHistory", "MemoryStore"]
