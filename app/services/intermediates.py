"""Bringing intermediates ahead of the first device that needs them.

A terminator that hands on the device's certificate alone needs the CAs between it and the anchor from us. They are
remembered when a device that presents them is let in elsewhere; this brings them before any does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from app.actor import Scope
from app.audit.device_events import IntermediatesRemembered
from app.audit.states import Json, Target
from app.errors import CertificateRejected
from app.findings import Finding, FindingCode, Severity
from app.rules import pem
from app.rules.certificate import ParsedCertificate, parse
from app.rules.closure import Closure, TooComplex
from app.rules.display import quote
from app.rules.profile import CLIENT_AUTH
from app.rules.trust import PRODUCTION, ca_flaws
from app.rules.trust_store import TrustStore
from app.services.command import Done, Tx
from app.services.trust_states import load
from app.store.intermediates import Intermediate


@dataclass(frozen=True, slots=True)
class RememberIntermediates:
    """Remember CAs that stand below a CA which the account trusts. They confer no trust. `source` is PEM text."""

    action: ClassVar[str] = IntermediatesRemembered.kind
    scope: ClassVar[Scope] = Scope.DEVICES_WRITE
    source: str
    reason: None = None

    @property
    def target(self) -> Target:
        """The account's, whichever it is."""
        return Target("intermediates")

    @property
    def identity(self) -> Json:
        """The request."""
        return {"source": self.source}

    async def __call__(self, tx: Tx) -> Done[tuple[str, ...]]:
        """Answers their fingerprints. Raises CertificateRejected for one that no trusted CA stands above."""
        certificates = [parse(der, index=index) for index, der in enumerate(pem.tokenise(self.source))]
        state = await load(tx.transaction, tx.account_id)
        for index, certificate in enumerate(certificates):
            _require_ca(certificate, index, tx)
            _require_below_anchor(state.store, [certificate, *certificates], index)
        await tx.devices.remember([Intermediate(each.der, each.subject) for each in certificates], tx.now)
        fingerprints = tuple(certificate.fingerprint.hex() for certificate in certificates)
        return Done(fingerprints, IntermediatesRemembered(tx.account_id, fingerprints))

    def recall(self, change: Json, account_id: str) -> tuple[str, ...]:
        """The fingerprints of the first time."""
        del account_id
        remembered = change["fingerprints"]
        return tuple(str(each) for each in remembered) if isinstance(remembered, list) else ()


def _require_ca(certificate: ParsedCertificate, index: int, tx: Tx) -> None:
    flaw = next(ca_flaws(certificate, CLIENT_AUTH, at=tx.now), None)
    if flaw is not None:
        code = FindingCode.NOT_YET_VALID if flaw.reason == "CERT_NOT_YET_VALID" else FindingCode(flaw.reason.value)
        raise CertificateRejected((Finding(Severity.ERROR, code, flaw.message, index, flaw.reference),))


def _require_below_anchor(store: TrustStore, presented: Sequence[ParsedCertificate], index: int) -> None:
    try:
        above = Closure(store, presented, checks=PRODUCTION.signatures)
    except TooComplex:
        above = None
    if above is not None and any(record.admits for each in above.issuers for record in store.with_trusted_ca(each)):
        return
    message = f"No CA that the account trusts stands above {quote(presented[0].subject_text)}."
    raise CertificateRejected((Finding(Severity.ERROR, FindingCode.CHAIN_INCOMPLETE, message, index),))
