"""Every key that Jitney writes, in one table.

All keys of a deployment share one hash tag, so scripts stay legal on a cluster; one scales by namespaces. Behind it
stands the protocol's version: processes of two protocols share a server and never each other's jobs.
⟨m⟩ is a card's key, name@revision.
"""

from __future__ import annotations

from dataclasses import dataclass, field

# Raise it with any change of what travels or is kept that a process of the version before would misread: keys, and what
# stands in them (tests/unit/broker/test_golden_bytes.py, tests/contract/redis/test_at_rest.py). Arguments of scripts
# may change: each process brings its own. A digit: headers of jobs and the rules of docs/acl have room for one.
PROTOCOL = 4


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one namespace."""

    namespace: str
    root: str = field(init=False)  # what every key of this namespace begins with, whatever protocol wrote it
    prefix: str = field(init=False)  # what every key of ours begins with

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", f"jitney:{{{self.namespace}}}:")
        object.__setattr__(self, "prefix", f"{self.root}{PROTOCOL}:")

    def protocol_of(self, key: str) -> int:
        """Which protocol wrote this key of the namespace; the first one wrote no version. Credentials and the history
        are everybody's, so ours too."""
        if key in (self.credentials, self.history, self.history_state):
            return PROTOCOL
        version, _, rest = key.removeprefix(self.root).partition(":")
        return int(version) if rest and len(version) == 1 and version.isdecimal() else 1

    @property
    def credentials(self) -> str:
        """Hash: id of an API key → what is kept of it, as JSON; `#version` counts the changes. It stands beside the
        protocols' keys, so that every protocol lets in the same callers."""
        return f"{self.root}keys"

    @property
    def history(self) -> str:
        """List: blocks of rows that wait for the history's writer, oldest first. Beside the protocols' keys, for blocks
        say their own version, and one writer serves all."""
        return f"{self.root}history"

    @property
    def history_state(self) -> str:
        """Hash: `trimmed`; `dropped` (rows), and `dropped_at` (ms) the last of them; the writer's last beat: `writer`,
        `database`, `written`, `error`, `at` (ms)."""
        return f"{self.root}history:state"

    def queue(self, model: str, lane: str) -> str:
        """List: waiting jobs, oldest first: the first list of a lane. The others have their number behind this name."""
        return f"{self.prefix}q:{model}:{lane}"

    def list(self, model: str, lane: str, number: int) -> str:
        """One of a lane's lists, by its number."""
        return f"{self.queue(model, lane)}:{number}" if number else self.queue(model, lane)

    def turn(self, model: str, lane: str) -> str:
        """String: which lists of a lane may hold jobs, and whose turn it is; none while only the first may. TTL."""
        return f"{self.prefix}turn:{model}:{lane}"

    def tokens(self, model: str, lane: str) -> str:
        """String: the tokens of the jobs in that queue. Only scripts touch it."""
        return f"{self.prefix}tokens:{model}:{lane}"

    def lane_bytes(self, model: str, lane: str) -> str:
        """String: their bytes, with bodies that lie apart. Only scripts touch it."""
        return f"{self.prefix}bytes:{model}:{lane}"

    def body(self, job: str) -> str:
        """String: the body of a large job, by its id. TTL."""
        return f"{self.prefix}body:{job}"

    def suspects(self, model: str) -> str:
        """List: jobs whose batch crashed after it had started."""
        return f"{self.prefix}suspect:{model}"

    def wake(self, model: str) -> str:
        """List: at most one token, on which an idle batcher blocks."""
        return f"{self.prefix}wake:{model}"

    def leases(self, model: str) -> str:
        """Sorted set: batch id → expiry, ms on the broker's clock."""
        return f"{self.prefix}leases:{model}"

    def lease(self, batch: str) -> str:
        """Hash: job id → the job as it was queued; the field `staged` while the batch has not started."""
        return f"{self.prefix}lease:{batch}"

    def held(self, model: str) -> str:
        """Hash: batch id → its jobs and tokens, and the sums of all: what is under way. Only scripts touch it."""
        return f"{self.prefix}held:{model}"

    def reply(self, front_end: str) -> str:
        """List: frames for one front end. TTL."""
        return f"{self.prefix}reply:{front_end}"

    def bell(self, front_end: str) -> str:
        """List: one token that says there are frames. TTL."""
        return f"{self.prefix}bell:{front_end}"

    def admit(self, front_end: str) -> str:
        """String: the last admission's sequence number and its verdicts. TTL."""
        return f"{self.prefix}admit:{front_end}"

    def rate(self, caller: str, policy: str) -> str:
        """String: what a caller has used of a policy. TTL. Only ADMIT touches it."""
        return f"{self.prefix}rate:{caller}:{policy}"

    def running(self, caller: str) -> str:
        """Sorted set: a caller's requests under way, by their digits → when they end at the latest, ms. TTL."""
        return f"{self.prefix}running:{caller}"

    def cancel(self, model: str) -> str:
        """Sorted set: what nobody waits for any more, by the first digits of job ids → when that was said, ms. TTL."""
        return f"{self.prefix}cancel:{model}"

    def dead(self, model: str) -> str:
        """List: dead letters, newest last, capped."""
        return f"{self.prefix}dead:{model}"

    def limits(self, name: str) -> str:
        """Hash: live limits of a model, by its name, as an operator set them."""
        return f"{self.prefix}limits:{name}"

    def artifact(self, sha256: str) -> str:
        """String: a tokenizer file. TTL, renewed by BEAT."""
        return f"{self.prefix}artifact:{sha256}"

    def prediction(self, id: str) -> str:
        """Hash: a prediction's request, state, owner and times. TTL."""
        return f"{self.prefix}prediction:{id}"

    def prediction_body(self, id: str) -> str:
        """String: the body of its request, while it is open. TTL."""
        return f"{self.prefix}prediction-body:{id}"

    def prediction_rows(self, id: str) -> str:
        """List: what its records have come to, in their order, from the first on, while it is open. TTL."""
        return f"{self.prefix}prediction-rows:{id}"

    def prediction_result(self, id: str, owner: str) -> str:
        """String: what this owner's run of it brought. The hash says whose run counts. TTL."""
        return f"{self.prefix}prediction-result:{id}:{owner}"

    def idempotency(self, sha256: str) -> str:
        """String: the id of the prediction that a client's key stands for, and the fingerprint of its request. TTL."""
        return f"{self.prefix}idem:{sha256}"

    @property
    def predictions_due(self) -> str:
        """Sorted set: open predictions → when their lease ends, ms on the broker's clock. TTL."""
        return f"{self.prefix}predictions:due"

    @property
    def predictions_room(self) -> str:
        """Sorted set: prediction, colon, its bytes → when it is forgotten, ms. TTL. Only scripts touch it."""
        return f"{self.prefix}predictions:room"

    @property
    def predictions_bytes(self) -> str:
        """String: the sum of those bytes. TTL. Only scripts touch it."""
        return f"{self.prefix}predictions:bytes"

    @property
    def predictions_mark(self) -> str:
        """String: written to ask whether all that was written before it is on the broker's disk. TTL."""
        return f"{self.prefix}predictions:mark"

    @property
    def predictions_hooks(self) -> str:
        """Sorted set: predictions whose webhook is not delivered → when somebody must try (again), ms. TTL."""
        return f"{self.prefix}predictions:hooks"

    @property
    def webhook_tries(self) -> str:
        """List: the newest tries to deliver a webhook, newest last: ms, and what a `HookTry` says. TTL."""
        return f"{self.prefix}webhooks:tries"

    @property
    def webhook_fates(self) -> str:
        """Hash: what became of tries → how many. TTL."""
        return f"{self.prefix}webhooks:fates"

    @property
    def refused(self) -> str:
        """Hash: caller, colon, policy → how many requests it has refused. TTL."""
        return f"{self.prefix}refused"

    @property
    def cards(self) -> str:
        """Hash: ⟨m⟩ → when first announced (13 digits, ms) and the card."""
        return f"{self.prefix}cards"

    @property
    def batchers(self) -> str:
        """Hash: batcher id → last beat (13 digits, ms), ⟨m⟩ and its presence."""
        return f"{self.prefix}batchers"

    @property
    def defaults(self) -> str:
        """Hash: task → name of the model that answers when a request names none."""
        return f"{self.prefix}defaults"

    @property
    def traffic(self) -> str:
        """Hash: name of a model → which share of its requests each revision is given, where an operator says so."""
        return f"{self.prefix}traffic"

    @property
    def epoch(self) -> str:
        """String: random, set once by whoever finds none. A new value says that the broker came back empty."""
        return f"{self.prefix}epoch"
