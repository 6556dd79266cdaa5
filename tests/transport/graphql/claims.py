"""Certificates that are to be proven by whoever asks through the API."""

from base64 import b64encode
from dataclasses import dataclass
from typing import Any

from tests.rules.authority import Made, make
from tests.rules.challenging import issued, signed
from tests.transport.graphql.callers import Caller, Data, pem_of

CHALLENGE = """
mutation Challenge($input: CreatePossessionChallengeInput!) {
  createPossessionChallenge(input: $input) {
    challenge {
      id nonce text verificationCode attemptsLeft createdAt signatureExpiresAt verificationCertificateExpiresAt
      signatureCommands verificationCertificateCommands certificate { id possession possessionChallenge { id } }
    }
    errors { __typename ... on UserError { code message path } }
    auditEntry { id action outcome code targetId targetName changes { field } }
  }
}
"""
PROVE = """
mutation Prove($input: ProvePossessionInput!) {
  provePossession(input: $input) {
    certificate { id version possession possessionChallenge { id } }
    errors {
      __typename
      ... on UserError { code message path }
      ... on ProofRejectedError { flaw attemptsLeft }
      ... on CertificateRejectedError { findings { code } }
    }
    auditEntry { id action outcome code targetId target { __typename } changes { field before after } }
  }
}
"""


@dataclass(frozen=True)
class Claim:
    """A CA whose possession is pending, and its challenge."""

    ca: Made
    certificate: Data
    challenge: Data

    @classmethod
    async def made(cls, caller: Caller, name: str = "owned", ca: Made | None = None) -> "Claim":
        """Upload a CA and challenge for its key."""
        ca = ca or make(name)
        certificate = await caller.upload(name, ca, usage="CREDENTIALS")
        outcome = (await caller(CHALLENGE, input={"certificateId": certificate["id"]}))["createPossessionChallenge"]
        assert outcome["errors"] == []
        return cls(ca, certificate, outcome["challenge"])

    @property
    def signature(self) -> dict[str, Any]:
        """The right signature, as a proof."""
        return {"signature": b64encode(signed(self.ca.key, self.challenge["text"].encode())).decode()}

    @property
    def verification_certificate(self) -> dict[str, Any]:
        """The right certificate, as a proof."""
        return {"verificationCertificate": pem_of(issued(self.ca, self.challenge["verificationCode"]))}

    async def prove(self, caller: Caller, proof: dict[str, Any], **more: Any) -> Data:
        """The outcome of a proof."""
        given = {"challengeId": self.challenge["id"], "proof": proof} | more
        return (await caller(PROVE, input=given))["provePossession"]
