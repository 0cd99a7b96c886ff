"""How Redis or Valkey keeps the broker's promises."""

from broker.redis.batcher import RedisBatcher, connect_batcher
from broker.redis.front_end import RedisFrontEnd, connect_front_end
from broker.redis.heart import RedisHeart, connect_heart
from broker.redis.starter import RedisStarter, connect_starter

__all__ = [
    "RedisBatcher",
    "RedisFrontEnd",
    "RedisHeart",
    "RedisStarter",
    "connect_batcher",
    "connect_front_end",
    "connect_heart",
    "connect_starter",
]
