"""What an upload would do."""

from typing import Self

from app.services.assessment import Preview
from app.terms import Possession
from app.transport.graphql.described import attribute, object_type
from app.transport.graphql.types.accounts import CertificateQuota
from app.transport.graphql.types.certificates import Certificate, CertificateFinding, findings_of
from app.transport.graphql.types.x509 import X509Certificate, views_of


@object_type
class CertificatePreview:
    """What an upload would do, without doing it."""

    acceptable: bool = attribute(
        "Whether the upload would be accepted now: no error among the findings, no duplicate, and room in the quota."
    )
    chain: list[X509Certificate] = attribute(
        "The chain as understood, from the anchor to the root; empty when there is none."
    )
    findings: list[CertificateFinding] = attribute("Everything found, worst first.")
    duplicate_of: Certificate | None = attribute(
        "The certificate of the account that is the same, for the same service; null when there is none."
    )
    possession: Possession = attribute("Whether possession will have to be proven.")
    quota: CertificateQuota = attribute("The quota before the upload.")

    @classmethod
    def of(cls, preview: Preview) -> Self:
        """As the schema shows it."""
        return cls(
            acceptable=preview.is_acceptable,
            chain=[] if preview.chain is None else views_of(preview.chain.certificates),
            findings=findings_of(preview.noticed),
            duplicate_of=None if preview.duplicate_of is None else Certificate.of(preview.duplicate_of),
            possession=preview.possession,
            quota=CertificateQuota.of(preview.quota),
        )
