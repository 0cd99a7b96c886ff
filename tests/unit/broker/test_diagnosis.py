"""What an error most likely means, as a table, and that no password is repeated."""

from __future__ import annotations

import re
import socket
import ssl

import pytest
import redis.exceptions as foreign

from broker.common.diagnosis import RULES, diagnose
from broker.common.masking import masked
from broker.errors import BrokerError, BrokerFull, BrokerUnavailable

PLAIN, TLS, UNIX = "redis://h:6379/0", "rediss://h:6379/0", "unix:///s"


def caused(error: Exception, by: Exception) -> Exception:
    error.__cause__ = by
    return error


def unavailable(by: Exception) -> Exception:
    return caused(BrokerUnavailable(), by)


REFUSED = caused(foreign.ConnectionError("Error 111 connecting"), ConnectionRefusedError(111, "refused"))
UNKNOWN_NAME = caused(foreign.ConnectionError("Error -2"), socket.gaierror(-2, "Name or service not known"))
MISSING = caused(foreign.ConnectionError("Error 2 connecting"), FileNotFoundError(2, "No such file or directory"))
RESET = caused(foreign.ConnectionError("Error while reading"), ConnectionResetError(104, "Connection reset by peer"))
UNTRUSTED = ssl.SSLCertVerificationError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed")
MISNAMED = ssl.SSLCertVerificationError(
    "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: Hostname mismatch, certificate is not valid for 'h'"
)
NOBODY_THERE = foreign.TimeoutError("Timeout connecting to server")
TOO_MANY = foreign.ConnectionError("max number of clients reached")
RENAMED_IN_SCRIPT = foreign.ResponseError("Unknown Redis command called from script script: 6481e, on @user_script:1.")
NO_TLS = ssl.SSLError("[SSL: WRONG_VERSION_NUMBER] wrong version number")


@pytest.mark.parametrize(
    ("error", "url", "cause", "remedy"),
    [
        pytest.param(REFUSED, PLAIN, "nothing listens there", "start the broker", id="refused"),
        pytest.param(UNKNOWN_NAME, PLAIN, "host name is not known", "correct it", id="no such name"),
        pytest.param(NOBODY_THERE, PLAIN, "firewall", "host", id="firewall"),
        pytest.param(foreign.TimeoutError("Timeout reading from h:1"), PLAIN, "does not answer", "process", id="hung"),
        pytest.param(NOBODY_THERE, TLS, "plain one", "write redis://", id="plain"),
        pytest.param(NO_TLS, TLS, "speaks no TLS", "write redis://", id="something else than TLS"),
        pytest.param(RESET, PLAIN, "its port wants TLS", "write rediss://", id="reset"),
        pytest.param(RESET, TLS, "it cut the connection", "start the broker", id="reset under TLS"),
        pytest.param(UNTRUSTED, TLS, "CA that is not trusted", "ssl_ca_certs=", id="untrusted"),
        pytest.param(MISNAMED, TLS, "another name", "host name", id="certificate of another host"),
        pytest.param(MISSING, TLS, "certificate file", "path", id="no certificate"),
        pytest.param(MISSING, UNIX, "no such socket", "path", id="no socket"),
        pytest.param(foreign.AuthenticationError("invalid"), PLAIN, "user or password", "ACL LIST", id="password"),
        pytest.param(foreign.NoPermissionError("NOPERM"), PLAIN, "may not do this", "users.acl", id="rights"),
        pytest.param(foreign.ResponseError("DB index is out of range"), PLAIN, "database", "number", id="database"),
        pytest.param(ValueError("Port out of range 0-65535"), PLAIN, "beyond 65535", "percent-encode", id="port"),
        pytest.param(ValueError("Database is no number"), PLAIN, "no number", "/0", id="database that is no number"),
        pytest.param(foreign.ResponseError("unknown command 'SCAN'"), PLAIN, "SCAN", "rename-command", id="renamed"),
        pytest.param(RENAMED_IN_SCRIPT, PLAIN, "a command of ours", "jitney doctor", id="renamed, in a script"),
        pytest.param(foreign.BusyLoadingError("LOADING"), PLAIN, "loads its data", "wait", id="loading"),
        pytest.param(foreign.ReadOnlyError("READONLY"), PLAIN, "read-only replica", "primary", id="replica"),
        pytest.param(foreign.ResponseError("MISCONF Redis is"), PLAIN, "its disk", "room", id="disk"),
        pytest.param(BrokerFull(), PLAIN, "out of memory", "maxmemory", id="memory"),
        pytest.param(TOO_MANY, PLAIN, "no more connections", "maxclients", id="clients"),
        pytest.param(foreign.InvalidResponse('Protocol error, got "H"'), PLAIN, "is no Redis", "port", id="not Redis"),
    ],
)
def test_an_error_is_explained_whether_it_comes_as_it_is_or_as_the_brokers(
    error: Exception, url: str, cause: str, remedy: str
) -> None:
    for seen in (error, unavailable(error)):
        why = diagnose(seen, url)

        assert cause in why.cause and remedy in why.remedy


def test_what_nobody_foresaw_is_told_as_it_is() -> None:
    why = diagnose(BrokerError("the broker refuses a command: ERR strange"), PLAIN)

    assert "ERR strange" in why.cause and why.remedy


def test_an_old_server_that_repeats_the_password_is_not_repeated() -> None:
    error = foreign.ResponseError("unknown command `X`, with args beginning with: `AUTH`, `someone`, `secret`")

    assert "secret" not in str(diagnose(error, PLAIN))


def test_every_rule_says_something_to_do() -> None:
    for rule in RULES:
        assert re.compile(rule.pattern) and rule.cause and rule.remedy
        assert not rule.cause.endswith(".") and not rule.remedy.endswith(".")


def test_what_is_told_is_left_whole_by_whoever_masks_it_once_more() -> None:
    told = str(diagnose(ValueError("Database is no number"), "redis://user:pa/ss@h"))

    assert masked(told) == told and "percent-encode" in told
    assert [rule.remedy for rule in RULES if "@" in rule.remedy + rule.cause] == []
