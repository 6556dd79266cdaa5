"""Names of certificates, brought into the form in which name constraints compare them (RFC 5280 4.2.1.10, 7)."""

import ipaddress
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from sys import getsizeof
from typing import TypeAlias

from cryptography import x509
from cryptography.x509.oid import NameOID

Rdn: TypeAlias = frozenset[tuple[str, str | bytes]]
DirectoryName: TypeAlias = tuple[Rdn, ...]
Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Names:
    """General names by form. Host names are in lower case; `other` holds the forms that are not compared here."""

    dns: tuple[str, ...] = ()
    email: tuple[str, ...] = ()
    uri: tuple[str, ...] = ()
    ip: tuple[Address | Network, ...] = ()
    directory: tuple[DirectoryName, ...] = ()
    other: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self.dns) + len(self.email) + len(self.uri) + len(self.ip) + len(self.directory) + len(self.other)

    @property
    def weight(self) -> int:
        """The bytes of memory that they take."""
        return held((self.dns, self.email, self.uri, self.ip, self.directory, self.other))


@dataclass(frozen=True, slots=True)
class NameConstraints:
    """The subtrees of RFC 5280 4.2.1.10."""

    permitted: Names
    excluded: Names

    @property
    def weight(self) -> int:
        """The bytes of memory that they take."""
        return self.permitted.weight + self.excluded.weight


def constraints(stated: x509.NameConstraints | None) -> NameConstraints | None:
    """A certificate's constraints; None where it states none."""
    if stated is None:
        return None
    return NameConstraints(collect(stated.permitted_subtrees or ()), collect(stated.excluded_subtrees or ()))


def collect(names: Iterable[x509.GeneralName]) -> Names:
    """Sort general names, from an alternative name or a constraint, by their form."""
    dns: list[str] = []
    email: list[str] = []
    uri: list[str] = []
    ip: list[Address | Network] = []
    directory: list[DirectoryName] = []
    other: set[str] = set()
    for name in names:
        match name:
            case x509.DNSName():
                dns.append(name.value.lower())
            case x509.RFC822Name():
                email.append(name.value)
            case x509.UniformResourceIdentifier():
                uri.append(name.value)
            case x509.IPAddress():
                ip.append(name.value)
            case x509.DirectoryName():
                directory.append(directory_name(name.value))
            case x509.OtherName():
                other.add(f"otherName {name.type_id.dotted_string}")
            case _:
                other.add(type(name).__name__)
    return Names(tuple(dns), tuple(email), tuple(uri), tuple(ip), tuple(directory), frozenset(other))


def directory_name(name: x509.Name) -> DirectoryName:
    """The name for comparing: case folded, normalised, runs of spaces as one (RFC 5280 7.1, RFC 4518 2)."""
    return tuple(frozenset((item.oid.dotted_string, _fold(item.value)) for item in rdn) for rdn in name.rdns)


def _fold(value: str | bytes) -> str | bytes:
    if isinstance(value, bytes):
        return value
    return " ".join(unicodedata.normalize("NFKC", value).casefold().split())


def subject_emails(name: x509.Name) -> tuple[str, ...]:
    """The e-mail addresses that stand in a subject, where RFC 5280 4.2.1.10 has them constrained too."""
    return tuple(
        item.value for item in name.get_attributes_for_oid(NameOID.EMAIL_ADDRESS) if isinstance(item.value, str)
    )


def common_names(name: x509.Name) -> tuple[str, ...]:
    """The common names of a subject, as they are: for comparing, not for display."""
    return tuple(item.value for item in name.get_attributes_for_oid(NameOID.COMMON_NAME) if isinstance(item.value, str))


def held(value: object) -> int:
    """The bytes of memory that text, octets and numbers take, or an address, or a tuple or set of these.

    What stands in two places counts twice, so that it may be less.
    """
    if type(value) is str:
        return getsizeof(value)
    if isinstance(value, _HOLDING):
        return getsizeof(value) + sum(map(held, value)) if value else 0
    return _ADDRESS_BYTES.get(type(value)) or getsizeof(value)


_HOLDING = (tuple, frozenset)
_ADDRESS_BYTES: dict[type, int] = {
    ipaddress.IPv4Address: 96,
    ipaddress.IPv6Address: 128,
    ipaddress.IPv4Network: 640,
    ipaddress.IPv6Network: 768,
}
