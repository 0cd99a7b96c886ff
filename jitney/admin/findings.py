"""What `jitney doctor` thinks of what it finds, each failure with its remedy. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from broker.admin.overview import ModelOverview, Overview
from broker.admin.rights import Right, Role
from broker.common.diagnosis import RENAMED
from broker.facts import NEWER, NO_EVICTION, TO_CONFIRM, Facts
from broker.history.hashing import REMEDY, SECRET, hash_secret_from
from jitney.admin.alerts import START, alerts
from jitney.admin.tables import size

NEARLY_FULL, FULL = 0.8, 0.95  # of maxmemory
SKEW = 1.0  # seconds
NAMED = 6  # missing rights, and other namespaces, that are spelled out
ACL_FILE = "docs/acl/users.acl"


class Mark(StrEnum):
    """How it stands."""

    OK = "ok"
    WARN = "warn"  # works, but somebody should know
    FAIL = "fail"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check."""

    about: str
    mark: Mark
    said: str
    remedy: str = ""


def of_facts(facts: Facts) -> Iterator[Finding]:
    """Version, role, eviction policy, memory, persistence."""
    if not facts.kind:
        said = "INFO is denied: version, eviction policy, memory and persistence stay unchecked"
        yield Finding(about="server", mark=Mark.WARN, said=said, remedy="grant +info")
        return
    if facts.mode == "sentinel" and facts.misfit:
        yield Finding(about="role", mark=Mark.FAIL, said=facts.misfit.said, remedy=facts.misfit.remedy)
        return
    yield _version(facts)
    yield from _role(facts)
    yield _policy(facts)
    yield _memory(facts)
    yield _persistence(facts)


def _role(facts: Facts) -> Iterator[Finding]:
    if facts.role == "slave":
        where = f", {facts.primary}," if facts.primary else ""
        said = "a read-only replica"
        yield Finding(about="role", mark=Mark.FAIL, said=said, remedy=f"name its primary{where} in JITNEY_REDIS_URL")
    if facts.mode == "cluster":
        said = "a node of a cluster: it serves while it holds the slot of this namespace; nothing follows a move"
        remedy = "give Jitney a server that is no cluster, or leave the slot of its namespace where it is"
        yield Finding(about="cluster", mark=Mark.WARN, said=said, remedy=remedy)


def _version(facts: Facts) -> Finding:
    said = f"{facts.kind} {facts.version}"
    if facts.is_too_old:
        return Finding(about="version", mark=Mark.FAIL, said=said, remedy=NEWER)
    return Finding(about="version", mark=Mark.OK, said=said)


def _policy(facts: Facts) -> Finding:
    if facts.may_evict:
        said = f"maxmemory-policy is {facts.policy}, which may evict waiting jobs"
        return Finding(about="eviction", mark=Mark.FAIL, said=said, remedy=NO_EVICTION)
    if not facts.policy:
        said = "it does not tell its maxmemory-policy, which must not evict waiting jobs"
        return Finding(about="eviction", mark=Mark.WARN, said=said, remedy=NO_EVICTION)
    return Finding(about="eviction", mark=Mark.OK, said="noeviction: nothing that waits is thrown away")


def _memory(facts: Facts) -> Finding:
    if not facts.max_memory:
        return Finding(
            about="memory",
            mark=Mark.WARN,
            said=f"{size(facts.memory)} in use, without a bound",
            remedy="CONFIG SET maxmemory 1gb or what the machine allows: front ends then answer 503 in time",
        )
    share = facts.memory / facts.max_memory
    mark = Mark.FAIL if share >= FULL else Mark.WARN if share >= NEARLY_FULL else Mark.OK
    remedy = "" if mark is Mark.OK else "raise maxmemory, or find what fills it (jitney status; MEMORY STATS)"
    said = f"{size(facts.memory)} in use, {share:.0%} of {size(facts.max_memory)}"
    return Finding(about="memory", mark=mark, said=said, remedy=remedy)


def _persistence(facts: Facts) -> Finding:
    if not facts.is_writable:
        said, remedy = "the last write to its disk failed", "make room on it, or see to its permissions"
        return Finding(about="persistence", mark=Mark.FAIL, said=said, remedy=remedy)
    if facts.is_durable:
        said = "AOF is on: what waits outlives a crash of the server"
        return Finding(about="persistence", mark=Mark.OK, said=said)
    said = "AOF is off: a restart loses what waits and the dead letters; front ends push again what they still await"
    remedy = "appendonly yes, appendfsync everysec, where restarts should cost nothing"
    return Finding(about="persistence", mark=Mark.WARN, said=said, remedy=remedy)


def of_clocks(ahead: float) -> Finding:
    """`ahead`: seconds by which the broker's clock is ahead of ours."""
    if abs(ahead) <= SKEW:
        return Finding(about="clock", mark=Mark.OK, said=f"{abs(ahead):.2f} s between the broker's and this machine's")
    way = "ahead of" if ahead > 0 else "behind"
    said = f"the broker's is {abs(ahead):.1f} s {way} this machine's; no deadline suffers, logs do not line up"
    return Finding(about="clock", mark=Mark.WARN, said=said, remedy="let both keep time by NTP")


def of_durability(facts: Facts, *, is_denied: bool, is_wanted: bool) -> Finding:
    """Whether front ends may be started with `--prediction-durability strict`."""
    why = facts.unconfirmed or ("this user may not ask it (WAITAOF)" if is_denied else "")
    if not why:
        said = "it confirms what is on its disk: front ends may have --prediction-durability strict"
        return Finding(about="durability", mark=Mark.OK, said=said)
    mark, remedy = (Mark.FAIL, TO_CONFIRM) if is_wanted else (Mark.SKIPPED, "")
    said = f"no --prediction-durability strict with this broker: {why}"
    return Finding(about="durability", mark=mark, said=said, remedy=remedy)


def of_commands(unknown: Sequence[str]) -> Iterator[Finding]:
    """`unknown`: those of our commands that the server has no more."""
    if unknown:
        said = f"the server does not know {', '.join(unknown)}: somebody has disabled or renamed what Jitney needs"
        yield Finding(about="commands", mark=Mark.FAIL, said=said, remedy=RENAMED)


def of_rights(user: str, prefix: str, missing: Mapping[Role, Sequence[Right]], wanted: Sequence[Role]) -> list[Finding]:
    """`missing`: what each role lacks. Without a role that is `wanted`, one that is whole will do."""
    if wanted:
        return [_right(user, prefix, role, missing[role]) for role in wanted]
    whole = [role for role in Role if not missing[role]]
    if whole:
        said = f"user {user} may act as {' and '.join(whole)}"
        return [Finding(about="rights", mark=Mark.OK, said=said)]
    nearest = min(Role, key=lambda role: len(missing[role]))
    return [_right(user, prefix, nearest, missing[nearest])]


def _right(user: str, prefix: str, role: Role, missing: Sequence[Right]) -> Finding:
    if not missing:
        return Finding(about="rights", mark=Mark.OK, said=f"user {user} may act as {role}")
    named = [f"{right.command} on {prefix}{right.key}" if right.key else right.command for right in missing]
    more = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
    return Finding(
        about="rights",
        mark=Mark.FAIL,
        said=f"user {user} may not act as {role}: it lacks {', '.join(named[:NAMED])}{more}",
        remedy=f"grant what {ACL_FILE} grants to jitney-{role}, for this namespace, and ACL LOAD",
    )


def of_secret(environ: Mapping[str, str], *, is_shared: bool) -> Iterator[Finding]:
    """Whether front ends that are started as we are have the key of their hashes. `is_shared`: they share answers."""
    keeps_hashes = environ.get("JITNEY_HISTORY_INPUTS") == "hash"
    needed_by = "--cache-url" if is_shared else "--history-inputs hash" if keeps_hashes else ""
    try:
        secret = hash_secret_from(environ)
    except ValueError as error:
        yield Finding(about="secret", mark=Mark.FAIL, said=str(error).partition(":")[0], remedy=REMEDY)
        return
    if needed_by and secret is None:
        said = f"{SECRET} is not set here: front ends that are started as we are with {needed_by} end at once"
        yield Finding(about="secret", mark=Mark.FAIL, said=said, remedy=REMEDY)
    elif needed_by:
        yield Finding(about="secret", mark=Mark.OK, said=f"{SECRET} is set, and long enough")


def of_overview(
    overview: Overview, facts: Facts, missing_files: Mapping[str, Sequence[str]], others: Sequence[str] = ()
) -> list[Finding]:
    """Models, their cards and files, and what somebody should look at. `missing_files`: by ⟨m⟩; `others`: other
    namespaces that hold keys."""
    found = [_none(facts, others)] if not overview.models else []
    found += [
        _model(model, missing_files.get(model.key, ())) for model in overview.models if model.card and model.batchers
    ]
    for alert in alerts(overview):
        mark = Mark.FAIL if alert.is_serious else Mark.WARN
        found.append(Finding(about=alert.about, mark=mark, said=alert.said, remedy=alert.remedy))
    return found


def _none(facts: Facts, others: Sequence[str]) -> Finding:
    elsewhere = f"; the server holds keys in {', '.join(facts.databases)}" if facts.databases else ""
    if others:
        elsewhere = f"; there are others: {', '.join(others[:NAMED])}{', …' if len(others) > NAMED else ''}"
    said = f"no batcher has announced one in this namespace{elsewhere}"
    remedy = f"{START}; or correct --namespace, or the database at the end of the URL"
    return Finding(about="models", mark=Mark.WARN, said=said, remedy=remedy)


def _model(model: ModelOverview, missing_files: Sequence[str]) -> Finding:
    about = f"model {model.key}"
    if missing_files:
        said = f"the broker does not hold {', '.join(missing_files)}: front ends that start now cannot serve it"
        remedy = "a batcher's beat brings it back within a second; restart the batcher if this stays"
        return Finding(about=about, mark=Mark.FAIL, said=said, remedy=remedy)
    who = "1 batcher" if model.batchers == 1 else f"{model.batchers} batchers"
    return Finding(about=about, mark=Mark.OK, said=f"{who}, {model.waiting} jobs waiting")
