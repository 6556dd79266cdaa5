"""Passwords: hashed with argon2id (RFC 9106), and made where nobody chose one."""

import secrets

from argon2 import PasswordHasher

MINIMUM_LENGTH = 12
_HASHER = PasswordHasher()
# No 0, O, 1, l, I: a password is read from a terminal once.
_ALPHABET = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"


def hash_password(password: str) -> str:
    """The hash, with its own parameters and salt in it. Takes some 50 ms on purpose: never inside a transaction."""
    return _HASHER.hash(password)


def fresh_password() -> str:
    """A password of 24 letters and digits: more than 136 random bits."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(24))
