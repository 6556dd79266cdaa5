"""The acts whose entries are pinned: fixed ids, instants and salts, and every shape that an entry can have.

`python -m tests.audit.acts` adds the vectors of new acts to the file, and refuses to touch one that is there: the bytes
of an entry are for ever.
"""

import hashlib
import json
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import TypedDict

from app.actor import ANONYMOUS, Actor, ActorType, Origin, command_line
from app.audit import device_events, enrollment_events, events, possession_events
from app.audit.entry import GENESIS, Act, Result, account_stream, entry_hash, seal, system_stream
from app.audit.event import Event
from app.audit.finding_events import CertificateFindingsNoted
from app.audit.states import Json, Target
from app.clock import to_text
from tests.audit.pinned_states import (
    ACCOUNT,
    KEY,
    START,
    USER,
    account,
    api_key,
    certificate,
    challenge,
    claim,
    device,
    unnamed,
    user,
)

VECTORS = Path(__file__).parents[1] / "vectors" / "audit_entries.json"

OPERATOR = command_line(ACCOUNT, "root")
INSTALLATION = command_line(None, None)
RUNNER = Actor(ActorType.SYSTEM, "jobs", ACCOUNT, None, frozenset())
JOB = "0190a0000000700080000000000000ac"
BATCH = enrollment_events.Batch(JOB, 2, 1_001, 998, 2, "44" * 32)
FINDINGS = Actor(ActorType.SYSTEM, "findings", ACCOUNT, None, frozenset())
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
GRAPHQL = Origin("0190a0000000700080000000000000f1", "Upload", "first", TRACE, "192.0.2.7", "curl/8 “x”")
SHELL = Origin("0190a0000000700080000000000000f2", "anchorage account set-limit")


class Vector(TypedDict):
    """An entry to the byte. `body` is text, whose UTF-8 is the body; hashes are hexadecimal."""

    stream: str
    aseq: int
    prev: str
    body: str
    body_sha256: str
    hash: str
    disclosures: dict[str, list[str]]


def salts() -> Iterator[bytes]:
    """16 bytes each: the numbers from 1."""
    return (number.to_bytes(16, "big") for number in count(1))


SUCCESSES: tuple[tuple[Event, Actor, Origin, str | None], ...] = (
    (events.AccountCreated(account(1)), INSTALLATION, SHELL, None),
    (events.AccountTierSet(account(1), account(2, tier="COMMERCIAL")), OPERATOR, SHELL, "Order 7"),
    (events.AccountLimitSet(account(2), account(3, limit_override=3, certificate_limit=3)), OPERATOR, SHELL, None),
    (events.AccountFeatureSet(account(3), account(4, require_possession=False)), OPERATOR, SHELL, None),
    (events.CertificateUploaded(certificate(1)), KEY, GRAPHQL, None),
    (events.CertificateUpdated(certificate(1), certificate(2, description=None)), KEY, GRAPHQL, None),
    (events.CertificateStatusSet(certificate(2), certificate(3, status="INACTIVE")), USER, GRAPHQL, "The key leaked"),
    (events.CertificateDeleted(certificate(3)), USER, GRAPHQL, "Line closed"),
    (events.ApiKeyCreated(api_key(1)), USER, GRAPHQL, None),
    (events.ApiKeyRevoked(api_key(1), api_key(2, revoked_at=to_text(START))), USER, GRAPHQL, "Rotated"),
    (events.UserCreated(user(1)), OPERATOR, SHELL, None),
    (events.UserPasswordSet(user(1), user(2)), USER, GRAPHQL, None),
    (events.AuditLogRead(ACCOUNT, "auditEvents"), USER, GRAPHQL, None),
    (events.AuditLogExported(ACCOUNT, "jsonl"), OPERATOR, SHELL, None),
    (events.DatabaseMigrated(1), INSTALLATION, SHELL, None),
)

_STOLEN = {"suspended_at": to_text(START), "suspended_category": "theft", "suspended_description": "Hall 3"}
LATER: dict[str, tuple[Event, Actor]] = {
    "audit.erasure": (events.SubjectErased(KEY.id or "", 7, 21), OPERATOR),
    "audit.erasure of a person": (events.SubjectErased(USER.id or "", 3, 8, unnamed(2), user(3, "erased-x")), OPERATOR),
    "audit.retention": (events.MonthArchived("2026-01", 1_000, 2_345, "22" * 32), INSTALLATION),
    "audit.recover": (events.LogRecovered(2, "log.example/2", ("log.example\n7\n…\n",)), INSTALLATION),
    "certificate.create": (
        events.DeveloperCertificateCreated(certificate(1, possession="PROVEN", is_developer=True)),
        KEY,
    ),
    "device.connect": (device_events.DeviceConnected(None, device(1), "BOOTSTRAP", 7), KEY),
    "device.connect otherwise": (
        device_events.DeviceConnected(
            device(1),
            device(2, lwm2m_fingerprint="44" * 32, lwm2m_certificate="f" * 32, lwm2m_accepted_at=to_text(START)),
            "LWM2M",
            8,
        ),
        KEY,
    ),
    "device.suspend": (device_events.DeviceSuspended(device(2), device(3, **_STOLEN)), USER),
    "device.resume": (
        device_events.DeviceResumed(device(3, **_STOLEN), device(4, released_at=to_text(START))),
        USER,
    ),
    "intermediates.remember": (device_events.IntermediatesRemembered(ACCOUNT, ("55" * 32,)), USER),
    "possession.challenge": (
        possession_events.PossessionChallenged(
            certificate(4, possession="PENDING"), certificate(4, possession="PENDING"), challenge()
        ),
        KEY,
    ),
    "possession.prove": (
        possession_events.PossessionProven(
            certificate(4, possession="PENDING"),
            certificate(5, possession="PROVEN"),
            challenge().id,
            "signature",
            "33" * 32,
        ),
        KEY,
    ),
    "enrollment.claim": (enrollment_events.EnrollmentClaimed(claim()), KEY),
    "enrollment.release": (enrollment_events.EnrollmentReleased(claim()), KEY),
    "enrollment.release of one that a batch made": (
        enrollment_events.EnrollmentReleased(claim(expires_at=None, batch="0190a0000000700080000000000000e6")),
        KEY,
    ),
    "enrollment.bulk_claim": (enrollment_events.BulkClaimStarted(JOB, 1_001, 98_123, "33" * 32), KEY),
    "enrollment.bulk_release": (enrollment_events.BulkReleaseStarted(JOB, 0, 12, "33" * 32), OPERATOR),
    "enrollment.claim_batch": (
        enrollment_events.EnrollmentsClaimed(BATCH, to_text(START), to_text(START + timedelta(days=30))),
        RUNNER,
    ),
    "enrollment.claim_batch for ever": (enrollment_events.EnrollmentsClaimed(BATCH, to_text(START), None), RUNNER),
    "enrollment.release_batch": (enrollment_events.EnrollmentsReleased(BATCH), RUNNER),
    "enrollment.use": (
        enrollment_events.EnrollmentUsed(
            claim(), claim(version=2, claimed_at=to_text(START), device_id="0190a0000000700080000000000000ff")
        ),
        KEY,
    ),
    "job.fail": (enrollment_events.JobFailed(JOB, 1_000), RUNNER),
    "account.set_feature that came later": (
        events.AccountFeatureSet(account(4), account(5, suspend_devices=True, audit_all_decisions=True)),
        OPERATOR,
    ),
    "certificate.set_status with its devices": (
        events.CertificateStatusSet(
            certificate(3), certificate(4, status="INACTIVE", devices_suspended_at=to_text(START))
        ),
        USER,
    ),
    "certificate.findings": (
        CertificateFindingsNoted(
            "0190a0000000700080000000000000cc", "Plant B", 4, ("EXPIRES_SOON", "BLOCKED_BY"), ("SAME_KEY_AS",)
        ),
        FINDINGS,
    ),
}
"""What shipped after the rest: pinned after it too, for the place of an entry is part of its bytes."""

ENDINGS: dict[str, tuple[str, Result, str | None, Target, Actor, str | None]] = {
    "refused: nothing of this id": (
        "certificate.delete", Result.REFUSED, "NOT_FOUND", Target("certificate", "f" * 32), KEY, "why",
    ),
    "refused: an id that is none": (
        "certificate.delete", Result.REFUSED, "NOT_FOUND", Target("certificate", "\ud800" + "x" * 99), KEY, None,
    ),
    "refused: not there yet, named": (
        "certificate.upload", Result.REFUSED, "CA_KEY_USAGE", Target("certificate", None, "Plant B"), KEY, None,
    ),
    "refused: not there yet, unnamed": (
        "certificate.upload", Result.REFUSED, "PRIVATE_KEY_PRESENT", Target("certificate"), KEY, None,
    ),
    "refused: of a version": (
        "certificate.update", Result.REFUSED, "VERSION_CONFLICT", certificate(3).target, USER, None,
    ),
    "refused: a person, unnamed": ("user.create", Result.REFUSED, "NAME_TAKEN", Target("user"), OPERATOR, None),
    "refused: a stranger": (
        "certificate.upload", Result.REFUSED, "UNAUTHENTICATED", Target("certificate"), ANONYMOUS, None,
    ),
    "failed": ("certificate.delete", Result.FAILED, "INTERNAL", certificate(3).target, KEY, None),
    "repeated": ("certificate.upload", Result.SUCCESS, "IDEMPOTENT_REPLAY", certificate(1).target, KEY, None),
    "refused unread": (events.REQUEST_REFUSED, Result.REFUSED, "RATE_LIMITED", Target("request"), ANONYMOUS, None),
}  # fmt: skip
"""What is no event: the action, how it ended, what it was about, who acted, and why in their words."""


def acts() -> dict[str, tuple[str, Act]]:
    """Every act by its name, with the stream that it goes to, in the order in which it is appended."""
    made: dict[str, tuple[str, Act]] = {}
    for event, actor, origin, reason in SUCCESSES:
        placed = _placed(len(made))
        act = Act.succeeded(event, entry_id=placed[0], time=placed[1], actor=actor, origin=origin, reason=reason)
        made[event.kind] = (_stream(actor, origin), act)
    for name, (action, result, code, target, actor, reason) in ENDINGS.items():
        entry_id, time = _placed(len(made))
        act = Act(entry_id, time, actor, GRAPHQL, action, result, code, target, reason=reason)
        made[name] = (_stream(actor, GRAPHQL), act)
    entry_id, time = _placed(len(made))
    burst: Json = {"count": 981, "first": to_text(START), "last": to_text(time)}
    unread = Target("request")
    act = Act(
        entry_id, time, ANONYMOUS, GRAPHQL, events.REQUEST_REFUSED, Result.REFUSED, "UNAUTHENTICATED", unread,
        extra=burst,
    )  # fmt: skip
    made["a burst of refusals"] = (_stream(ANONYMOUS, GRAPHQL), act)
    entry_id, time = _placed(len(made))
    long = Origin("r" * 3_000, "o" * 2_048, '"' * 1_025, "t" * 2_049, "2001:db8::1", "é" * 2_000)
    act = Act(entry_id, time, KEY, long, "certificate.upload", Result.REFUSED, "INVALID_INPUT", Target("certificate"))
    made["longer than an entry may hold"] = (_stream(KEY, long), act)
    for name, (event, actor) in LATER.items():
        placed = _placed(len(made))
        act = Act.succeeded(
            event, entry_id=placed[0], time=placed[1], actor=actor, origin=SHELL, reason="Asked for on 2026-11-24"
        )
        made[name] = (_stream(actor, SHELL), act)
    return made


def vectors() -> dict[str, Vector]:
    """The entries of the acts, each stream chained from its beginning."""
    salt = salts()
    ends: dict[str, tuple[int, bytes]] = {}
    made: dict[str, Vector] = {}
    for name, (stream, act) in acts().items():
        sealed = seal(act, node="node-1", software="anchorage/1.0", salt=lambda: next(salt))
        aseq, prev = ends.get(stream, (0, GENESIS))
        body_sha256 = hashlib.sha256(sealed.body).digest()
        chained = entry_hash(stream, aseq + 1, prev, body_sha256)
        ends[stream] = (aseq + 1, chained)
        made[name] = Vector(
            stream=stream,
            aseq=aseq + 1,
            prev=prev.hex(),
            body=sealed.body.decode(),
            body_sha256=body_sha256.hex(),
            hash=chained.hex(),
            disclosures={subject: list(made) for subject, made in sealed.disclosures.items()},
        )
    return made


def _placed(number: int) -> tuple[str, datetime]:
    return f"0190a00000007000800000000000{number:04x}", START + timedelta(seconds=number)


def _stream(actor: Actor, origin: Origin) -> str:
    return system_stream(origin.address or "") if actor.account_id is None else account_stream(actor.account_id)


def main() -> None:
    """Add what is new to the file."""
    pinned = json.loads(VECTORS.read_text(encoding="utf-8")) if VECTORS.exists() else {}
    made = vectors()
    if changed := [name for name, vector in pinned.items() if made.get(name) != vector]:
        sys.exit(f"These entries are pinned and would change: {', '.join(changed)}.")
    VECTORS.write_text(f"{json.dumps(made, indent=1, ensure_ascii=True)}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
