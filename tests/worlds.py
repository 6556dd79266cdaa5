"""Worlds of certificates: CAs in trees with cross-signatures and renewals, records about them, and devices.

A world draws itself as text, so that a property that fails shows what it failed on.
"""

from dataclasses import dataclass
from datetime import datetime

from app.rules.certificate import ParsedCertificate, parse_cached
from app.rules.chain import Chain
from app.rules.trust_store import Record, TrustStore
from app.terms import Possession, Service, Status, Usage
from tests.rules.authority import Made


@dataclass(frozen=True, slots=True)
class Ca:
    """One certificate of an authority, which is a name with a key, signed by an authority (its own, for a root)."""

    label: str
    authority: str
    issuer: str
    made: Made
    notes: tuple[str, ...] = ()

    @property
    def parsed(self) -> ParsedCertificate:
        """As the rules see it."""
        return parse_cached(self.made.der)

    def __str__(self) -> str:
        whence = "root" if self.issuer == self.authority else f"by {self.issuer}"
        return ", ".join((f"{self.label} {whence}", *self.notes))


@dataclass(frozen=True, slots=True)
class Held:
    """A record that the account holds. `chain` goes upwards from the trusted CA."""

    name: str
    chain: tuple[Ca, ...]
    service: Service
    usage: Usage
    possession: Possession
    status: Status

    def __str__(self) -> str:
        words = (self.service, self.usage, self.possession, self.status)
        return f"{self.name} {' '.join(words)}: {' '.join(each.label for each in self.chain)}"

    @property
    def record(self) -> Record:
        """As a decision sees it, without a database."""
        certificates = tuple(each.parsed for each in self.chain)
        chain = Chain(certificates, tuple(range(len(certificates))))
        return Record(self.name, self.name, self.status, self.service, self.usage, self.possession, chain)


@dataclass(frozen=True, slots=True)
class Came:
    """A device, and what it presents beside its own certificate."""

    name: str
    issuer: str
    made: Made
    presented: tuple[Ca, ...]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        presented = " ".join(each.label for each in self.presented) or "nothing else"
        return ", ".join((f"{self.name} by {self.issuer}, presents {presented}", *self.notes))

    @property
    def ders(self) -> tuple[bytes, ...]:
        """Its chain, leaf first."""
        return (self.made.der, *(each.made.der for each in self.presented))


@dataclass(frozen=True, slots=True)
class World:
    """See the module. `remembered` are intermediates that the account knows from devices."""

    number: int
    at: datetime
    cas: tuple[Ca, ...]
    held: tuple[Held, ...]
    devices: tuple[Came, ...]
    remembered: tuple[Ca, ...]

    def __str__(self) -> str:
        parts = [
            f"world {self.number}",
            *(f"  {ca}" for ca in self.cas),
            *(f"  {held}" for held in self.held),
            *(f"  {device}" for device in self.devices),
            f"  remembers {' '.join(each.label for each in self.remembered) or 'nothing'}",
        ]
        return "\n".join(parts)

    @property
    def store(self) -> TrustStore:
        """What the account trusts and blocks."""
        return TrustStore([each.record for each in self.held], [each.parsed for each in self.remembered])

    def of_authority(self, authority: str) -> list[Ca]:
        """Its certificates."""
        return [each for each in self.cas if each.authority == authority]
