"""Challenges for the private key of a certificate."""

from collections.abc import Awaitable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Self

import strawberry

from app.rules.chain import Chain
from app.rules.possession import Challenge
from app.rules.possession_commands import signature_commands, verification_certificate_commands
from app.services.possession import Challenged, asked, proofs_left
from app.transport.graphql import ids
from app.transport.graphql.context import Info
from app.transport.graphql.described import attribute, object_type
from app.transport.graphql.ids import Kind
from app.transport.graphql.loaders import now_or_later
from app.transport.graphql.scopes import PARENT, field
from app.transport.graphql.types.node import Node

if TYPE_CHECKING:
    from app.transport.graphql.types.certificates import Certificate


@object_type
class PossessionChallenge(Node):
    """What to sign, or to have in a certificate, with the private key of a certificate.

    Either way proves possession. A challenge is good for one proof, and void once there is a newer one.
    """

    certificate: Annotated["Certificate", strawberry.lazy("app.transport.graphql.types.certificates")] = attribute(
        "The certificate whose key must prove itself."
    )
    nonce: str = attribute("The random part: 32 bytes as URL-safe Base64 without padding.")
    text: str = attribute(
        "What to sign, to the byte: ASCII, LF between its lines, none after the last; one that an editor adds, or a"
        " CRLF, does no harm."
    )
    verification_code: str = attribute("The common name that a verification certificate must have.")
    created_at: datetime = attribute("When it was made.")
    signature_expires_at: datetime = attribute("From then on no signature is accepted: make another challenge.")
    verification_certificate_expires_at: datetime = attribute(
        "From then on no verification certificate is accepted either: make another challenge."
    )
    attempts_left: int = attribute(
        "How many more proofs it accepts; 0 once it was answered, or a newer one took its place."
    )
    challenged: strawberry.Private[Challenged]
    asked: strawberry.Private[Challenge]

    @field(PARENT, returns=list[str])
    def signature_commands(self, info: Info) -> list[str] | Awaitable[list[str]]:
        """Lines for a shell with OpenSSL that print the `signature`. They expect the private key in `ca.key`."""
        return now_or_later(info.context.loaders.chains.load(self.challenged.record.chain), self._signature_commands)

    @field(PARENT, returns=list[str])
    def verification_certificate_commands(self, info: Info) -> list[str] | Awaitable[list[str]]:
        """Lines for a shell with OpenSSL that issue the `verificationCertificate`, `verify.pem`.

        They expect the certificate in `ca.pem` and its private key in `ca.key`.
        """
        return now_or_later(info.context.loaders.chains.load(self.challenged.record.chain), self._certificate_commands)

    def _signature_commands(self, chain: Chain) -> list[str]:
        return list(signature_commands(self.asked, chain.trusted_ca))

    def _certificate_commands(self, chain: Chain) -> list[str]:
        return list(verification_certificate_commands(self.asked, chain.trusted_ca))

    @classmethod
    def of(cls, challenged: Challenged, certificate: "Certificate") -> Self:
        """The challenge as the schema shows it, with its record as the schema shows that."""
        row, challenge = challenged.challenge, asked(challenged.challenge)
        return cls(
            id=ids.encode(Kind.CHALLENGE, row.id),
            certificate=certificate,
            nonce=challenge.nonce_text,
            text=challenge.text,
            verification_code=challenge.verification_code,
            created_at=row.created_at,
            signature_expires_at=row.signature_expires_at,
            verification_certificate_expires_at=row.certificate_expires_at,
            attempts_left=proofs_left(row),
            challenged=challenged,
            asked=challenge,
        )
