"""Which commands each side sends to which keys: what docs/acl/users.acl grants, and no more. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from broker.keys import Keys


class Role(StrEnum):
    """Whoever talks to the broker; each has a user of its own."""

    FRONT_END = "front-end"
    BATCHER = "batcher"
    OPERATOR = "operator"
    WRITER = "writer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """One command, to one kind of key; `key` is empty for commands that name none."""

    command: str  # a subcommand behind a bar: client|setname
    key: str = ""  # what stands behind the prefix: q:

    def words(self, keys: Keys) -> list[str]:
        """The command as it might be sent, to a key of this namespace."""
        name = self.command.split("|")
        key = f"{keys.prefix}{self.key}{'' if self.key in WHOLE else 'x'}"
        if self.key in BESIDE:
            key = f"{keys.root}{self.key}"
        if self.command in SCRIPTS:  # a script may do anything to the keys it names, one of `_ro` read them
            return [*name, "x", "1", key]
        if not self.key:
            return name
        return [*name, key, *([key] if self.command in TWO_KEYS else [] if self.command in MANY_KEYS else ["1"])]


READ_SCRIPTS = ("eval_ro", "evalsha_ro")
# What --prediction-durability strict takes besides. Redis 7.0 takes no rule that names it, so docs/acl has none.
CONFIRM = ("waitaof", "1", "0", "0")
SCRIPTS = ("eval", "evalsha", *READ_SCRIPTS)
RUN = "eval evalsha"
READ = " ".join(READ_SCRIPTS)  # `jitney doctor` asks so for everybody's rights
MANY_KEYS = ("del", "exists", "mget", "unlink")  # another word would be another key
TWO_KEYS = ("rename",)
CREDENTIALS, HISTORY, HISTORY_STATE = BESIDE = ("keys", "history", "history:state")  # stand beside the prefix
WHOLE = ("cards", "batchers", "defaults", "traffic", "epoch", "refused")  # keys without an end of their own
# To these keys a user may send these commands and no other that it has: a selector in docs/acl.
ALONE: Mapping[Role, Sequence[str]] = {Role.FRONT_END: ("suspect:", "dead:")}
CONNECTION = "ping info time"  # AUTH and HELLO are open to everybody

TABLE: Mapping[Role, Mapping[str, str]] = {
    Role.FRONT_END: {
        "": f"client|setname {CONNECTION}",
        "admit:": f"get set {RUN}",
        "q:": f"llen lrange rpush pttl pexpire {RUN}",
        "suspect:": "llen",
        "dead:": "llen",
        "tokens:": f"mget set incrby del pttl pexpire {RUN}",
        "bytes:": f"mget set incrby del pttl pexpire {RUN}",
        "turn:": f"mget get set pttl pexpire {RUN}",
        "body:": "set exists unlink",
        "wake:": f"rpush ltrim del pexpire {RUN}",
        "held:": "hmget",
        "reply:": "ltrim lrange",
        "bell:": "blpop",
        "cancel:": f"zadd zremrangebyrank pexpire del {RUN}",
        "rate:": f"get set {RUN}",
        "running:": f"zadd zrem zcard zremrangebyscore pttl pexpire del {RUN}",
        "refused": f"hincrby pttl pexpire del {RUN}",
        "epoch": f"set get {READ}",
        "cards": "hgetall",
        "batchers": "hgetall",
        "defaults": "hgetall hsetnx hset",
        "traffic": "hgetall hsetnx",
        "artifact:": "exists getrange",
        "prediction:": f"exists hmget hget hset pexpire pttl del {RUN}",
        "prediction-body:": f"set get exists strlen pexpire unlink {RUN}",
        "prediction-rows:": f"llen rpush lrange pexpire unlink {RUN}",
        "prediction-result:": f"set get exists strlen pexpire unlink {RUN}",
        "predictions:": f"zadd zrem zrangebyscore zcard exists get set incrby del pttl pexpire {RUN}",
        "webhooks:": f"lrange rpush ltrim hget hset pexpire {RUN}",
        "idem:": f"get set {RUN}",
        CREDENTIALS: "hget hgetall",
        HISTORY: f"llen rpush {RUN}",
        HISTORY_STATE: f"hget hset hsetnx {RUN}",
    },
    Role.BATCHER: {
        "": f"client|setname {CONNECTION} multi exec",
        "q:": f"llen lindex lrange ltrim lpush pttl pexpire {RUN}",
        "tokens:": f"mget incrby decrby del pttl pexpire {RUN}",
        "bytes:": f"incrby decrby del pttl pexpire {RUN}",
        "turn:": f"mget get set del pttl pexpire {RUN}",
        "body:": "mget unlink",
        "suspect:": f"llen lrange ltrim lpush rpush pttl pexpire {RUN}",
        "wake:": f"blpop lpop rpush ltrim del pexpire {RUN}",
        "leases:": f"zadd zrem zscore zcard zrangebyscore pttl pexpire {RUN}",
        "lease:": f"hget hset hdel hexists hlen del pexpire {RUN}",
        "held:": f"hget hset hdel hlen hincrby hgetall del pttl pexpire {RUN}",
        "reply:": f"rpush pexpire {RUN}",
        "bell:": f"rpush ltrim del pexpire {RUN}",
        "dead:": f"llen rpush ltrim {RUN}",
        "cancel:": f"exists zmscore zremrangebyscore del {RUN}",
        "epoch": f"set get {RUN} {READ}",
        "cards": f"hset hget hexists hgetall hdel {RUN}",
        "batchers": f"hset hgetall hdel {RUN}",
        "limits:": f"hgetall {RUN}",
        "artifact:": f"set strlen setrange rename pexpire {RUN}",
    },
    Role.OPERATOR: {
        "": f"{CONNECTION} scan",
        "q:": "llen lindex",
        "tokens:": "get",
        "bytes:": "get",
        "suspect:": "llen",
        "leases:": "zcard zrange",
        "lease:": "hlen hexists",
        "dead:": f"llen lrange lrem {RUN} {READ}",
        "epoch": f"get {READ}",
        "cards": "hgetall",
        "batchers": "hgetall",
        "defaults": "hgetall hset",
        "traffic": "hgetall hset hdel",
        "artifact:": "exists",
        "limits:": "hgetall hset del",
        "predictions:": "zcard get",
        "webhooks:": "lrange hgetall",
        "refused": "hscan hlen",
        "rate:": "get",
        "running:": "zcount",
        CREDENTIALS: f"hget hgetall hset hsetnx hdel hincrby hscan hlen {RUN} {READ}",
        HISTORY: "llen",
        HISTORY_STATE: "hgetall",
    },
    Role.WRITER: {
        "": f"client|setname {CONNECTION}",
        "epoch": f"get {READ}",
        HISTORY: f"llen lrange ltrim {RUN}",
        HISTORY_STATE: f"hget hset {RUN}",
    },
}


def rights(role: Role) -> Sequence[Right]:
    """All that this role needs."""
    return [Right(command=command, key=key) for key, row in TABLE[role].items() for command in row.split()]
