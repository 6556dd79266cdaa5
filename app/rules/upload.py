"""The upload rules as a whole: from bytes to a chain that may be trusted, or to everything that is wrong with it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.errors import CertificateRejected
from app.findings import Finding, FindingCode, Severity
from app.rules import chain as chains
from app.rules import path, profile
from app.rules.certificate import ParsedCertificate, parse
from app.rules.chain import Chain
from app.rules.profile import Place
from app.terms import Service, Usage

_RULE_ORDER = {code: number for number, code in enumerate(FindingCode)}


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found in an input: `chain` is None when the certificates make none.

    `findings` holds errors in the order of the rules, the deciding one first, then warnings.
    """

    chain: Chain | None
    findings: tuple[Finding, ...]

    @property
    def is_acceptable(self) -> bool:
        """Nothing but warnings."""
        return self.chain is not None and all(finding.severity is Severity.WARNING for finding in self.findings)


def examine(source_ders: Sequence[bytes], *, at: datetime) -> Examination:
    """Apply rules 6 to 18 to the certificates of one input, judged at the instant `at`.

    Indexes are positions in `source_ders`. Raises nothing: what is wrong is a finding.
    """
    try:
        chain = chains.order(_parse_all(source_ders))
    except CertificateRejected as refusal:
        return Examination(None, _sorted(refusal.findings))
    found = list(chain.findings)
    found.extend(_one_by_one(chain, chain.positions, at=at))
    found.extend(path.examine(chain.certificates, chain.positions))
    return Examination(chain, _sorted(found))


def require_acceptable(examination: Examination) -> Chain:
    """The chain, when nothing but warnings was found.

    Raises CertificateRejected with all the findings.
    """
    if examination.chain is None or not examination.is_acceptable:
        raise CertificateRejected(examination.findings)
    return examination.chain


def standing_findings(chain: Chain, *, at: datetime) -> tuple[Finding, ...]:
    """What a stored record shows at `at`: its warnings, and CERT_EXPIRED as the error that it has become.

    Indexes count along the chain from the trusted CA. Signatures are not verified again.
    """
    return _sorted(_one_by_one(chain, range(len(chain.certificates)), at=at))


def require_service(usage: Usage, service: Service) -> None:
    """Rule 19: who issues what.

    A third-party CA issues LwM2M device certificates; devices that are claimed by enrolment come in through bootstrap.
    Raises CertificateRejected with USAGE_SERVICE_MISMATCH.
    """
    required = {Usage.THIRD_PARTY_CA: Service.LWM2M, Usage.ENROLLMENT: Service.BOOTSTRAP}.get(usage, service)
    if service is not required:
        message = f"The usage {usage.value} requires the service {required.value}."
        finding = Finding(Severity.ERROR, FindingCode.USAGE_SERVICE_MISMATCH, message)
        raise CertificateRejected((finding,), path=("service",))


def _one_by_one(chain: Chain, indexes: Sequence[int], *, at: datetime) -> Iterator[Finding]:
    for certificate, index in zip(chain.certificates, indexes, strict=True):
        place = Place.ROOT if certificate is chain.root else Place.BELOW_ROOT
        yield from profile.examine(certificate, place, at=at, index=index)


def _parse_all(source_ders: Sequence[bytes]) -> list[ParsedCertificate]:
    parsed: dict[bytes, ParsedCertificate] = {}
    errors: list[Finding] = []
    for index, der in enumerate(source_ders):
        try:
            if der not in parsed:
                parsed[der] = parse(der, index=index)
        except CertificateRejected as refusal:
            errors.extend(refusal.findings)
    if errors:
        raise CertificateRejected(tuple(errors))
    return [parsed[der] for der in source_ders]


def _sorted(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    def place(finding: Finding) -> tuple[bool, int, int]:
        index = -1 if finding.index is None else finding.index
        return finding.severity is Severity.WARNING, _RULE_ORDER[finding.code], index

    return tuple(sorted(findings, key=place))
