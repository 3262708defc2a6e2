"""Passwords and ACL as Mosquitto 2 reads them: text only. Who gets an account is decided elsewhere."""

import base64
import hashlib
import secrets
from collections.abc import Iterable

from bontri.broker_accounts import HEALTH_TOPIC, BrokerAccount
from ingest.heartbeat import PREFIX as HEARTBEAT_PREFIX

# What mosquitto_passwd uses. The single-threaded broker pays it at every connect, and our passwords are random.
_PBKDF2_ITERATIONS = 101
_SALT_BYTES = 12  # Mosquitto 2.0 reads no other length

# `%u` is the username. A bin's name cannot contain a wildcard or a level (broker_accounts.py).
_BIN_PATTERNS = """
pattern write bontri/v1/+/%u/up/#
pattern read bontri/v1/+/%u/down/#
"""

_TOPICS_OF_ROLE = {
    "bin": (),
    "worker": ("read bontri/v1/+/+/up/#", "write bontri/v1/+/+/down/#", f"readwrite {HEARTBEAT_PREFIX}/+"),
    "fleet": ("write bontri/v1/+/+/up/#", "read bontri/v1/+/+/down/#"),
    "health": (f"readwrite {HEALTH_TOPIC}",),
}


def passwords_of(accounts: Iterable[BrokerAccount]) -> str:
    """Return the password file: a line for each account, salted anew."""
    return "".join(f"{account.username}:{hash_password(account.password)}\n" for account in accounts)


def acl_of(accounts: Iterable[BrokerAccount]) -> str:
    """Return the ACL: what each account may do that is no bin, then the patterns for all bins."""
    return "".join(map(_topics_of, accounts)) + _BIN_PATTERNS


def _topics_of(account: BrokerAccount) -> str:
    topics = "".join(f"topic {topic}\n" for topic in _TOPICS_OF_ROLE[account.role])
    return f"user {account.username}\n{topics}" if topics else ""


def hash_password(password: str) -> str:
    """Return the salted PBKDF2-SHA512 hash in the format of Mosquitto's password file."""
    salt = secrets.token_bytes(_SALT_BYTES)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _PBKDF2_ITERATIONS)
    return f"$7${_PBKDF2_ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"
