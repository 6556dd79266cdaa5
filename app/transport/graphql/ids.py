"""Ids as the API shows them: what kind of object it is, an underscore, and the 32 digits that the store knows."""

from enum import StrEnum

from strawberry import ID

from app.ids import is_id

NOBODY = "0" * 32
"""Well formed, and never given to anything: stands for an id that is malformed or of another kind."""


class Kind(StrEnum):
    """The kinds of objects that have ids, by the prefix of these."""

    CERTIFICATE = "crt"
    EVENT = "evt"
    API_KEY = "key"
    ACCOUNT = "acc"
    USER = "usr"
    CHALLENGE = "chl"
    DEVICE = "dev"
    ENROLLMENT = "enr"
    JOB = "job"


TARGETS = {
    "certificate": Kind.CERTIFICATE,
    "api_key": Kind.API_KEY,
    "account": Kind.ACCOUNT,
    "audit_log": Kind.ACCOUNT,
    "intermediates": Kind.ACCOUNT,
    "user": Kind.USER,
    "possession_challenge": Kind.CHALLENGE,
    "device": Kind.DEVICE,
    "enrollment": Kind.ENROLLMENT,
    "job": Kind.JOB,
}
"""What the log calls the kinds of objects. What an account has once, as its log, is known by the account's id."""


def encode(kind: Kind, stored: str) -> ID:
    """The id for callers."""
    return ID(f"{kind.value}_{stored}")


def decode(kind: Kind, given: str) -> str:
    """The stored id; NOBODY for one that is malformed or of another kind, so that it is found nowhere."""
    prefix, _, stored = given.partition("_")
    return stored if prefix == kind.value and is_id(stored) else NOBODY


def kind_of(given: str) -> Kind | None:
    """The kind that an id claims; None for what is none."""
    prefix, _, stored = given.partition("_")
    return Kind(prefix) if prefix in set(Kind) and is_id(stored) else None


def decode_any(given: str) -> str:
    """The stored id of whichever kind; NOBODY for what is none."""
    kind = kind_of(given)
    return NOBODY if kind is None else decode(kind, given)
