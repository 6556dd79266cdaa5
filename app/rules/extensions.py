"""The extensions of a certificate, decoded in one pass."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from cryptography import x509

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)
_KEY_USAGES = (  # RFC 5280 4.2.1.3, in the order of the bits.
    ("digitalSignature", "digital_signature"),
    ("nonRepudiation", "content_commitment"),
    ("keyEncipherment", "key_encipherment"),
    ("dataEncipherment", "data_encipherment"),
    ("keyAgreement", "key_agreement"),
    ("keyCertSign", "key_cert_sign"),
    ("cRLSign", "crl_sign"),
)
_ONLY_WITH_KEY_AGREEMENT = (("encipherOnly", "encipher_only"), ("decipherOnly", "decipher_only"))


@dataclass(frozen=True, slots=True)
class Extensions:
    """Their OIDs, those of the critical ones, and the values by their kinds, of which none stands there twice."""

    oids: frozenset[str]
    critical: frozenset[str]
    _values: Mapping[type, x509.ExtensionType]

    @classmethod
    def of(cls, extensions: x509.Extensions) -> "Extensions":
        """What the library has read."""
        found = [(extension.oid.dotted_string, extension.critical, extension.value) for extension in extensions]
        return cls(
            frozenset(oid for oid, _, _ in found),
            frozenset(oid for oid, critical, _ in found if critical),
            {type(value): value for _, _, value in found},
        )

    def value(self, kind: type[_Extension]) -> _Extension | None:
        """The value of this kind; None where there is none."""
        value = self._values.get(kind)
        return value if isinstance(value, kind) else None

    @property
    def key_usage(self) -> tuple[str, ...] | None:
        """What the key may be used for, in the words of RFC 5280 4.2.1.3; None where it is not said."""
        usage = self.value(x509.KeyUsage)
        if usage is None:
            return None
        bits = _KEY_USAGES + (_ONLY_WITH_KEY_AGREEMENT if usage.key_agreement else ())
        return tuple(name for name, attribute in bits if getattr(usage, attribute))

    @property
    def extended_key_usage(self) -> tuple[str, ...] | None:
        """The purposes as OIDs (RFC 5280 4.2.1.12); None where it is not said."""
        usage = self.value(x509.ExtendedKeyUsage)
        return None if usage is None else tuple(oid.dotted_string for oid in usage)

    @property
    def requires_explicit_policy(self) -> bool:
        """Whether paths must name a policy from some certificate on (RFC 5280 4.2.1.11)."""
        constraints = self.value(x509.PolicyConstraints)
        return constraints is not None and constraints.require_explicit_policy is not None
