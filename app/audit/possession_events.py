"""What can happen on the way to a proof of possession."""

from dataclasses import dataclass
from typing import ClassVar

from app.audit.event import Changed
from app.audit.states import CertificateState, ChallengeState, Json


@dataclass(frozen=True, slots=True)
class PossessionChallenged(Changed[CertificateState]):
    """A challenge was made, to prove possession of a record's key. The record stays as it is.

    `challenge` is what was made, its nonce included: it is no secret.
    """

    kind: ClassVar[str] = "possession.challenge"
    challenge: ChallengeState

    @property
    def extra(self) -> Json:
        """The challenge."""
        return {"challenge": self.challenge.public()}


@dataclass(frozen=True, slots=True)
class PossessionProven(Changed[CertificateState]):
    """A challenge was answered: the account holds the record's key. `method` says how it was shown.

    `proof_sha256` is of the signature's octets, or of the verification certificate's text as it came.
    """

    kind: ClassVar[str] = "possession.prove"
    challenge_id: str
    method: str
    proof_sha256: str

    @property
    def extra(self) -> Json:
        """The proof."""
        return {"challenge_id": self.challenge_id, "method": self.method, "proof_sha256": self.proof_sha256}
