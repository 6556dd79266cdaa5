"""What is asked about a device's chain, and what is decided."""

from dataclasses import dataclass, replace
from datetime import datetime
from sys import getsizeof

from app.reasons import Reason
from app.rules.certificate import ParsedCertificate
from app.rules.chain import Chain
from app.rules.leaf import Flaw
from app.rules.profile import CLIENT_AUTH
from app.rules.trust_store import Record
from app.terms import Service

_NO_CHAIN = Chain((), ())
_RECORD_BYTES = 256
_REMEMBERED_BYTES = 96
"""What a record takes beside its name, and what a fingerprint takes."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: may the device that presents this chain come in, at this service and instant.

    The device's own certificate comes first, the others in any order. `purpose` is the extended key usage (an OID) that
    every certificate must allow: devices are TLS clients.
    """

    presented: tuple[ParsedCertificate, ...]
    service: Service
    at: datetime
    purpose: str = CLIENT_AUTH

    @property
    def device(self) -> ParsedCertificate:
        """The device's own certificate."""
        return self.presented[0]


@dataclass(frozen=True, slots=True)
class TriedPath:
    """A way up from the device, leaf first, and what broke it: `flaw` is about the last certificate.

    `namesake` has the name of that one's issuer, and is where the way broke off: its key did not make the signature.
    """

    certificates: tuple[ParsedCertificate, ...]
    flaw: Flaw | None
    namesake: ParsedCertificate | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer, in a sentence for people too.

    `records` are those that decided: the one that lets the device in, all that block it, or those that would let it in
    elsewhere or once they are proven. `tried` holds every path that was tried, the deciding one first. The same
    question has the same answer, from the same store, until `holds_until`; None is for ever. `remembered` are those
    above the device that the account only remembers, by SHA-256, on its path and beside it, where a blacklisted CA
    would be seen.
    """

    question: Question
    reason: Reason
    explanation: str
    records: tuple[Record, ...] = ()
    tried: tuple[TriedPath, ...] = ()
    holds_until: datetime | None = None
    remembered: tuple[bytes, ...] = ()

    @property
    def is_allowed(self) -> bool:
        """The device may come in."""
        return self.reason is Reason.TRUSTED

    @property
    def path(self) -> tuple[ParsedCertificate, ...]:
        """The valid path, leaf first, the anchor last; empty where there is none."""
        return self.tried[0].certificates if self.is_allowed else ()

    @property
    def to_keep(self) -> "Decision":
        """The same for whoever keeps it, with the device's own certificate alone: no CA, and no path that was tried.

        What the account trusted when it was decided would otherwise stay in memory for as long as the answer does.
        `path` is not to be asked of it.
        """
        presented = self.question.presented
        question = self.question if len(presented) <= 1 else replace(self.question, presented=presented[:1])
        records = tuple(replace(record, chain=_NO_CHAIN) for record in self.records)
        return replace(self, question=question, records=records, tried=())

    @property
    def weight(self) -> int:
        """The bytes of memory that it takes by what it holds, as it is to be kept."""
        return (
            getsizeof(self.explanation)
            + sum(certificate.weight for certificate in self.question.presented)
            + sum(_RECORD_BYTES + getsizeof(record.name) for record in self.records)
            + _REMEMBERED_BYTES * len(self.remembered)
        )
