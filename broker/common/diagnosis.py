"""What an error of the broker's most likely means, and what helps. Pure; nothing it says holds a password."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from broker.common.masking import HIDDEN, at_astray, masked, shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """For people: a clause each, without a full stop."""

    tried: str  # the broker's address
    cause: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.tried}: {self.cause}; {self.remedy}"


@dataclass(frozen=True, slots=True)
class Rule:
    """Holds where the pattern is found in the error, or in one that led to it, under these schemes."""

    pattern: str
    cause: str
    remedy: str
    schemes: tuple[str, ...] = ()  # none: any


TLS, PLAIN, UNIX = ("rediss",), ("redis",), ("unix",)
# Without the sign itself: up to the last one of its line `masked` takes a text for a password.
ENCODE = "percent-encode the characters : / ? # and the at sign in its user name and password"
ADDRESS = "start the broker, or correct host and port in JITNEY_REDIS_URL"
USER = "correct them in JITNEY_REDIS_URL; the server lists its users with ACL LIST"
RENAMED = "take its rename-command line out of the server's configuration"
CA = "name the CA's file at the end of the URL: ?ssl_ca_certs=/path/to/ca.crt"
CERTIFICATE = r"CERTIFICATE_VERIFY_FAILED.*"

# The first that holds. What is particular stands before what is general.
RULES = (
    Rule(r"the broker cannot be used: ([^:]+): (.+?)(?: \||$)", r"\1", r"\2"),  # it says so itself
    Rule(r"must specify one of the following schemes", "this is no broker's URL",
         "write redis://, rediss:// or unix:// in JITNEY_REDIS_URL"),
    Rule(r"ValueError: Port out of range", "its port is beyond 65535", f"correct it; or {ENCODE}"),
    Rule(r"ValueError: Database is no number", "its database is no number",
         f"write a number at its end, as in :6379/0; or {ENCODE}"),
    Rule(r"ValueError: (Ambiguous|Port |Invalid IPv6|.*netloc)", "this URL cannot be read", ENCODE),
    Rule(r"ValueError: Invalid value for '(\w+)'", r"the URL's option \1 has no sensible value", "correct it"),
    Rule(r"unexpected keyword argument '(\w+)'", r"the URL's option \1 is not known", "correct or remove it"),
    Rule(CERTIFICATE + r"(ostname|IP address) mismatch", "its certificate is made out to another name",
         "use a host name in the URL that the certificate holds", TLS),
    Rule(CERTIFICATE + r"expired", "its certificate has expired", "renew the broker's certificate", TLS),
    Rule(CERTIFICATE, "its certificate is signed by a CA that is not trusted here", CA, TLS),
    Rule(r"(certificate|handshake) required|alert (certificate|handshake)", "it wants a certificate of ours",
         "add ssl_certfile=… and ssl_keyfile=… to the URL", TLS),
    Rule(r"FileNotFoundError", "a certificate file that the URL names is not there", "correct its path", TLS),
    Rule(r"WRONG_VERSION_NUMBER|record layer|SSLError|SSLEOFError", "what listens there speaks no TLS",
         "write redis:// for a plain port, or give the port of the broker's TLS", TLS),
    Rule(r"FileNotFoundError", "there is no such socket", "start the broker, or correct the path", UNIX),
    Rule(r"\bPermissionError", "this socket is not ours to open", "run as a user that may; see unixsocketperm", UNIX),
    Rule(r"ConnectionRefused", "nothing listens there", ADDRESS),
    Rule(r"gaierror", "this host name is not known", "correct it in JITNEY_REDIS_URL, or see to the name service"),
    Rule(r"No route|unreachable", "there is no way to this host", "see to the network between here and there"),
    Rule(r"unknown command.*HELLO", "the server is older than Redis 6", "give Jitney Redis 7.0 or newer, or Valkey"),
    Rule(r"AuthenticationError|WRONGPASS|NOAUTH", "it refuses our user or password", USER),
    Rule(r"NoPermission|NOPERM|ACL failure in script|user executing the script", "its user may not do this",
         "give the user the rights in docs/acl/users.acl; `jitney doctor --role …` names what is missing"),
    Rule(r"(?i)unknown command [`'](\w+)",
         r"it does not know the command \1: somebody has disabled or renamed it", RENAMED),
    Rule(r"(?i)unknown (redis )?command", "it does not know a command of ours: somebody has disabled or renamed it",
         f"{RENAMED}; `jitney doctor` names all of them"),
    Rule(r"DB index", "it has no database of this number", "correct the number at the end of the URL"),
    Rule(r"LOADING|BusyLoading", "it loads its data", "wait: it answers when it is done"),
    Rule(r"READONLY|ReadOnly|read-only replica", "it is a read-only replica",
         "wait for the failover to end, or name the primary"),
    Rule(r"MISCONF", "it cannot write to its disk, and takes no writes", "make room there; INFO persistence says more"),
    Rule(r"OutOfMemory|OOM |BrokerFull", "it is out of memory", "raise maxmemory, or wait until batchers catch up"),
    Rule(r"BUSY", "a long script holds it up", "find what else runs there; SCRIPT KILL ends it"),
    Rule(r"\b(?:MovedError|AskError|MOVED|ASK):? (?:\d+ )?(\S+:\d+)",
         "it is a node of a cluster, and another one holds the keys of this namespace", r"name that one: \1"),
    Rule(r"MovedError|AskError|non local key",
         "it is a node of a cluster that does not hold the keys of this namespace",
         "name the node that does; or give Jitney a server that is no cluster"),
    Rule(r"ClusterDown|CLUSTERDOWN|MASTERDOWN|Hash slot not served",
         "it is a node of a cluster in which nobody serves the keys of this namespace",
         "CLUSTER INFO says what is missing; or give Jitney a server that is no cluster"),
    Rule(r"the key (\S+) holds something else", r"the key \1 holds something else than Jitney keeps there",
         r"find what writes it, then DEL '\1'"),
    Rule(r"WRONGTYPE|wrong kind of value", "a key of Jitney's holds something else", "`jitney doctor` names it"),
    Rule(r"max number of clients|MaxClients", "it takes no more connections", "raise its maxclients"),
    Rule(r"InvalidResponse|Protocol error", "what listens there is no Redis", ADDRESS),
    Rule(r"Timeout connecting|handshake", "no TLS came about: the port is a plain one, or a firewall swallows all",
         "write redis:// for a plain port, or see to the firewall", TLS),
    Rule(r"Timeout connecting", "nobody takes the connection: the host is down, or a firewall swallows all",
         "see to the host and the firewall"),
    Rule(r"Timeout", "it takes the connection and does not answer: it hangs, or has too much to do",
         "see to its process and what slows it down (SLOWLOG GET)"),
    Rule(r"reset by peer|Connection(Reset|Aborted)|closed by server|Broken ?[Pp]ipe|IncompleteRead",
         "it cut the connection: it has just ended, or its port wants TLS",
         "start the broker; write rediss:// if it never worked", PLAIN),
    Rule(r"reset by peer|Connection(Reset|Aborted)|closed by server|Broken ?[Pp]ipe|IncompleteRead",
         "it cut the connection: it has just ended", "start the broker"),
    # Whatever else a library says of a URL that it cannot read may repeat a piece of it.
    Rule(r"^(Value|Type|Unicode\w*)Error", "this URL cannot be read", ENCODE),
)  # fmt: skip


def diagnose(error: BaseException, url: str) -> Diagnosis:
    """Whatever it is, there is an answer; `url` is the one that was tried."""
    told, scheme = " | ".join(_story(error)), url.partition("://")[0]
    for rule in RULES:
        found = re.search(rule.pattern, told)
        if found and (not rule.schemes or scheme in rule.schemes):
            return Diagnosis(tried=shown(url), cause=_cause(rule, found, url), remedy=found.expand(rule.remedy))
    return Diagnosis(tried=shown(url), cause=f"it failed: {spoken(error)}", remedy="`jitney doctor` may know more")


def _cause(rule: Rule, found: re.Match[str], url: str) -> str:
    """What looks like an option may be a piece of a password that holds a `?` or a `&`."""
    is_doubtful = "option" in rule.cause and (at_astray(url) or "password=" in url)
    return rule.cause.replace(r"\1", HIDDEN) if is_doubtful else found.expand(rule.cause)


def wrong_type(key: str) -> str:
    """The error of a key that holds something else."""
    said = f"the key {key} holds something else than Jitney keeps there (WRONGTYPE)"
    return f"{said}: find what writes it, then DEL '{key}'"


def spoken(error: BaseException) -> str:
    """Its message. An old server repeats what it does not understand, a password with it: not we."""
    return masked(str(error)).partition(", with args")[0] or type(error).__name__


def _story(error: BaseException | None) -> Iterator[str]:
    """This error and those that led to it."""
    while error is not None:
        yield f"{type(error).__name__}: {error}"
        error = error.__cause__ or error.__context__
