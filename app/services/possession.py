"""Challenging for the private key of a CA, and the answers: an answered challenge makes its record a trust anchor."""

import secrets
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import ClassVar

from app.actor import Scope
from app.audit.possession_events import PossessionChallenged, PossessionProven
from app.audit.states import Json, Target
from app.errors import NotFound, ProofRejected
from app.findings import ProofFlaw
from app.ids import new_id
from app.rules import chain as chains
from app.rules.certificate import ParsedCertificate
from app.rules.possession import (
    ATTEMPTS,
    CERTIFICATE_PERIOD,
    NONCE_BYTES,
    SIGNATURE_PERIOD,
    Challenge,
    Proof,
    require_open,
    require_provable,
)
from app.services import state_fields, states
from app.services.command import Done, Tx
from app.store import reads
from app.store.rows import CertificateRow, ChallengeRow
from app.terms import Possession


@dataclass(frozen=True, slots=True)
class Challenged:
    """A challenge, and the record that it is about."""

    challenge: ChallengeRow
    record: CertificateRow


@dataclass(frozen=True, slots=True, repr=False)
class CreatePossessionChallenge:
    """Challenge for a record's key. The nonce is a fresh one: `fresh_nonce`. The record's last challenge is void."""

    action: ClassVar[str] = PossessionChallenged.kind
    scope: ClassVar[Scope] = Scope.CERTIFICATES_WRITE
    certificate_id: str
    nonce: bytes
    reason: None = None

    @property
    def target(self) -> Target:
        """The record, as the caller names it."""
        return Target("certificate", self.certificate_id)

    @property
    def identity(self) -> Json:
        """The request; the nonce is ours and not part of it."""
        return {"certificateId": self.certificate_id}

    async def __call__(self, tx: Tx) -> Done[Challenged]:
        """Only a record whose possession is pending can be challenged for, whatever its status."""
        record = await _require(tx, self.certificate_id, "certificateId")
        require_provable(record.possession)
        challenge = ChallengeRow(
            id=new_id(tx.now),
            account_id=tx.account_id,
            certificate_id=record.id,
            fingerprint=record.fingerprint,
            nonce=self.nonce,
            created_at=tx.now,
            signature_expires_at=tx.now + SIGNATURE_PERIOD,
            certificate_expires_at=tx.now + CERTIFICATE_PERIOD,
            attempts_left=ATTEMPTS,
            used_at=None,
            voided_at=None,
        )
        await tx.challenges.replace(challenge)
        state = states.certificate_state(record)
        return Done(
            Challenged(challenge, record), PossessionChallenged(state, state, states.challenge_state(challenge))
        )

    def recall(self, change: Json, account_id: str) -> Challenged:
        """The challenge as it was made, and the record as it was then."""
        record = states.certificate_row(state_fields.after(change), account_id)
        return Challenged(states.challenge_row(change, record), record)


@dataclass(frozen=True, slots=True, repr=False)
class ProvePossession:
    """Answer a challenge. A proof that is rejected costs one of its attempts; too late a one is not looked at.

    What is no certificate where one is awaited, or holds a private key, is refused as an upload is, and costs none.
    """

    action: ClassVar[str] = PossessionProven.kind
    scope: ClassVar[Scope] = Scope.CERTIFICATES_WRITE
    challenge_id: str
    proof: Proof
    reason: None = None

    @property
    def target(self) -> Target:
        """The challenge, as the caller names it."""
        return Target("possession_challenge", self.challenge_id)

    @property
    def identity(self) -> Json:
        """The request, with the proof as a hash."""
        return {"challengeId": self.challenge_id, "method": self.proof.method, "proof": self.proof.sha256.hex()}

    async def __call__(self, tx: Tx) -> Done[CertificateRow]:
        """Refuse in the order of what is known: the challenge, its record, their states, the time, the proof."""
        challenge = await tx.challenges.with_id(self.challenge_id)
        if challenge is None:
            raise NotFound("The account has no challenge of this id.", path=("challengeId",))
        record = await _require(tx, challenge.certificate_id, "challengeId")
        require_open(
            is_used=challenge.used_at is not None,
            is_voided=challenge.voided_at is not None,
            attempts_left=challenge.attempts_left,
        )
        require_provable(record.possession)
        try:
            self.proof.require(asked(challenge), await _trusted_ca(tx, record), at=tx.now)
        except ProofRejected as rejected:
            _count(tx, challenge, rejected)
            raise
        after = replace(record, possession=Possession.PROVEN, version=record.version + 1, updated_at=tx.now)
        await tx.certificates.update(after)
        await tx.challenges.use(challenge, tx.now)
        return Done(
            after,
            PossessionProven(
                states.certificate_state(record),
                states.certificate_state(after),
                challenge.id,
                self.proof.method,
                self.proof.sha256.hex(),
            ),
        )

    def recall(self, change: Json, account_id: str) -> CertificateRow:
        """The record as it was after the proof."""
        return states.certificate_row(state_fields.after(change), account_id)


def fresh_nonce() -> bytes:
    """Random bytes that nobody has signed yet."""
    return secrets.token_bytes(NONCE_BYTES)


def asked(row: ChallengeRow) -> Challenge:
    """What a challenge asks for."""
    return Challenge(
        account_id=row.account_id,
        fingerprint=row.fingerprint,
        nonce=row.nonce,
        signature_expires_at=row.signature_expires_at,
        certificate_expires_at=row.certificate_expires_at,
    )


def is_open(row: ChallengeRow, at: datetime) -> bool:
    """Whether the challenge still accepts a proof, of one way at least."""
    return proofs_left(row) > 0 and at < max(row.signature_expires_at, row.certificate_expires_at)


def proofs_left(row: ChallengeRow) -> int:
    """How many more proofs the challenge accepts: none once it was answered, or a newer one took its place."""
    return 0 if row.used_at or row.voided_at else row.attempts_left


def _count(tx: Tx, challenge: ChallengeRow, rejected: ProofRejected) -> None:
    """Say what a rejected proof leaves, and have the attempt taken with the refusal's entry.

    The door rolls back all that a refused command did, so a statement here would be undone with the rest. An event of
    a refused proof would commit, but as an act that succeeded: idempotency keys would remember it, and the caller's
    refusal would have to be raised by hand. So the door does it, where it records the refusal.
    """
    is_examined = rejected.flaw is not ProofFlaw.POP_CHALLENGE_EXPIRED
    rejected.attempts_left = challenge.attempts_left - is_examined
    if is_examined:
        tx.if_refused = partial(tx.challenges.take_attempt, challenge)


async def _require(tx: Tx, certificate_id: str, field: str) -> CertificateRow:
    record = await tx.certificates.with_id(certificate_id)
    if record is None:
        raise NotFound("The account has no certificate of this id.", path=(field,))
    tx.target = Target("certificate", record.id, record.name, record.version)
    return record


async def _trusted_ca(tx: Tx, record: CertificateRow) -> ParsedCertificate:
    ders = await reads.ders(tx.transaction, tx.account_id, record.chain)
    return chains.stored(tuple(ders[sha256] for sha256 in record.chain)).trusted_ca
