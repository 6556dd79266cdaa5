"""The fleet of the gateway tests: devices that must come in, and others that must not.

R (root, uploaded as the upper of I)
├── I (the trusted CA of the record)
│   ├── D1, and DE, which has expired
│   └── S (presented by the devices, never uploaded)
│       └── D2
└── J (a sibling CA, which nobody trusts)
    └── DJ
X signs itself.
"""

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from urllib.parse import quote

from app.rules import pem
from app.terms import ClientCertForm
from tests.rules.authority import Made, make

NOW = datetime.now(UTC).replace(microsecond=0)
"""The real time: servers and terminators look at no other clock."""

DAY = timedelta(days=1)
DEVICE_USAGE = ("digital_signature",)
Headers = dict[str, str]


@dataclass(frozen=True, slots=True)
class Device:
    """A device's certificate and key, and the CAs that it presents above it."""

    made: Made
    others: tuple[Made, ...] = ()

    @property
    def chain(self) -> tuple[bytes, ...]:
        """What it presents, leaf first, as DER."""
        return (self.made.der, *(other.der for other in self.others))


@dataclass(frozen=True, slots=True)
class Fleet:
    """See the module. `chain` is what the account uploads: I, and R above it."""

    root: Made
    trusted: Made
    sibling: Made
    sub: Made
    d1: Device
    d2: Device
    dj: Device
    x: Device
    expired: Device

    @property
    def upload(self) -> str:
        """I and R, as PEM."""
        return pem.encode([self.trusted.der, self.root.der])


def ca(name: str, issuer: Made | None = None) -> Made:
    """A CA that is valid now."""
    return make(name, issuer=issuer, not_before=NOW - DAY, not_after=NOW + 3650 * DAY)


def device(name: str, issuer: Made | None, *others: Made, expired: bool = False) -> Device:
    """A device's certificate, as a factory makes it; without an issuer it signs itself."""
    made = make(
        name,
        issuer=issuer,
        is_ca=None,
        key_usage=DEVICE_USAGE,
        not_before=NOW - 2 * DAY,
        not_after=NOW - DAY if expired else NOW + 365 * DAY,
    )
    return Device(made, others)


@cache
def fleet() -> Fleet:
    """The same one for a whole run."""
    root = ca("Fleet Root R")
    trusted, sibling = ca("Fleet CA I", root), ca("Sibling CA J", root)
    sub = ca("Workshop CA S", trusted)
    return Fleet(
        root,
        trusted,
        sibling,
        sub,
        d1=device("d1", trusted),
        d2=device("d2", sub, sub),
        dj=device("dj", sibling, sibling),
        x=device("x", None),
        expired=device("de", trusted, expired=True),
    )


def handed_on(form: ClientCertForm, chain: tuple[bytes, ...]) -> Headers:
    """The headers in which a terminator of this form hands a chain on."""
    leaf, *others = chain
    match form:
        case ClientCertForm.RFC9440:
            headers = {"client-cert": f":{_base64(leaf)}:"}
            more = {"client-cert-chain": ", ".join(f":{_base64(other)}:" for other in others)}
        case ClientCertForm.XFCC:
            whole = quote(pem.encode(chain), safe="")
            own = f'Hash={hashlib.sha256(leaf).hexdigest()};Cert="{quote(pem.encode([leaf]), safe="")}"'
            headers, more = {"x-forwarded-client-cert": f'{own};Chain="{whole}"'}, {}
        case ClientCertForm.PEM:
            headers, more = {"x-ssl-client-cert": quote(pem.encode([leaf]), safe="")}, {}
        case ClientCertForm.DER:
            headers = {"x-ssl-client-der": _base64(leaf)}
            more = {"x-ssl-client-chain-der": _base64(b"".join(others))}
    return headers | (more if others else {})


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
