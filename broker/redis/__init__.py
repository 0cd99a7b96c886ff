"""How Redis or Valkey keeps the broker's promises."""

from broker.redis.batcher import RedisBatcher, connect_batcher
from broker.redis.front_end import RedisFrontEnd, connect_front_end
from broker.redis.heartbeat import RedisHeartbeat, connect_heartbeat
from broker.redis.starter import RedisStarter, connect_starter
from broker.redis.stores.history import RedisHistory, connect_history

__all__ = [
    "RedisBatcher",
    "RedisFrontEnd",
    "RedisHeartbeat",
    "RedisHistory",
    "RedisStarter",
    "connect_batcher",
    "connect_front_end",
    "connect_heartbeat",
    "connect_history",
    "connect_starter",
]
