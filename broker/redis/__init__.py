"""How Redis or Valkey keeps the broker's promises."""

from broker.redis.batcher import RedisBatcher, connect_batcher
from broker.redis.front_end import RedisFrontEnd, connect_front_end
from broker.redis.heartbeat import RedisHeartbeat, connect_heartbeat
from broker.redis.starter import RedisStarter, connect_starter

__all__ = [
    "RedisBatcher",
    "RedisFrontEnd",
    "RedisHeartbeat",
    "RedisStarter",
    "connect_batcher",
    "connect_front_end",
    "connect_heartbeat",
    "connect_starter",
]
