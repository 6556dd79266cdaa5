"""What an account trusts and blocks at one moment, as the decision looks at it."""

from collections.abc import Iterable
from dataclasses import dataclass

from app.rules.certificate import ParsedCertificate
from app.rules.chain import Chain
from app.terms import Possession, Service, Status, Usage


@dataclass(frozen=True, slots=True)
class Record:
    """A record as far as a decision goes."""

    id: str
    name: str
    status: Status
    service: Service
    usage: Usage
    possession: Possession
    chain: Chain
    is_developer: bool = False

    @property
    def trusted_ca(self) -> ParsedCertificate:
        """The anchor, or what is blacklisted."""
        return self.chain.trusted_ca

    @property
    def is_blacklisted(self) -> bool:
        """It blocks, on both services."""
        return self.status is Status.INACTIVE

    @property
    def is_proven(self) -> bool:
        """It needs no proof of possession, or has it."""
        return self.possession is not Possession.PENDING

    @property
    def admits(self) -> bool:
        """Its trusted CA is an anchor, for its service."""
        return not self.is_blacklisted and self.is_proven


class TrustStore:
    """What an account trusts and blocks at one moment, indexed: its records, and intermediates that it remembers.

    Remembered intermediates confer no trust. They complete what a device presents, for closure and search alike. In
    which order they are given makes no difference.
    """

    def __init__(self, records: Iterable[Record], intermediates: Iterable[ParsedCertificate] = ()) -> None:
        self.records = tuple(records)
        self.intermediates = tuple(intermediates)
        pool: dict[bytes, dict[ParsedCertificate, None]] = {}
        self._of_ca: dict[ParsedCertificate, tuple[Record, ...]] = {}
        self._blocking: dict[tuple[bytes, bytes], tuple[Record, ...]] = {}
        for record in self.records:
            for certificate in record.chain.certificates:
                pool.setdefault(certificate.subject, {})[certificate] = None
            anchor = record.trusted_ca
            self._of_ca[anchor] = (*self._of_ca.get(anchor, ()), record)
            if record.is_blacklisted:
                self._blocking[anchor.authority] = (*self._blocking.get(anchor.authority, ()), record)
        self._recorded = {subject: tuple(found) for subject, found in pool.items()}
        remembered: dict[bytes, dict[ParsedCertificate, None]] = {}
        for certificate in sorted(self.intermediates, key=lambda each: each.der):
            if certificate not in pool.get(certificate.subject, ()):
                remembered.setdefault(certificate.subject, {})[certificate] = None
        self._remembered = {subject: tuple(found) for subject, found in remembered.items()}
        found = (each for named in (self._recorded, self._remembered) for some in named.values() for each in some)
        self._known = {certificate.der: certificate for certificate in found}

    @property
    def blocks_any(self) -> bool:
        """Whether any record is blacklisted."""
        return bool(self._blocking)

    def known(self, der: bytes) -> ParsedCertificate | None:
        """The certificate of these bytes, where it stands in a record's chain or is remembered."""
        return self._known.get(der)

    def named(self, subject: bytes) -> tuple[ParsedCertificate, ...]:
        """The known certificates of this subject (DER), those in the records' chains first."""
        return (*self.recorded(subject), *self.remembered(subject))

    def recorded(self, subject: bytes) -> tuple[ParsedCertificate, ...]:
        """The certificates of this subject (DER) in the records' chains."""
        return self._recorded.get(subject, ())

    def remembered(self, subject: bytes) -> tuple[ParsedCertificate, ...]:
        """The certificates of this subject (DER) that are remembered and stand in no record's chain."""
        return self._remembered.get(subject, ())

    def with_trusted_ca(self, certificate: ParsedCertificate) -> tuple[Record, ...]:
        """The records whose trusted CA is this certificate."""
        return self._of_ca.get(certificate, ())

    def admitting(self, certificate: ParsedCertificate, service: Service) -> tuple[Record, ...]:
        """The records that make this certificate an anchor of the service."""
        return tuple(each for each in self.with_trusted_ca(certificate) if each.admits and each.service is service)

    def is_developers(self, certificate: ParsedCertificate) -> bool:
        """Whether the service made this certificate for a developer, whose devices present it as their own."""
        return any(record.is_developer for record in self.with_trusted_ca(certificate))

    def blocking(self, certificate: ParsedCertificate) -> tuple[Record, ...]:
        """The blacklisted records of this CA, whichever of its certificates they hold."""
        return self._blocking.get(certificate.authority, ())
