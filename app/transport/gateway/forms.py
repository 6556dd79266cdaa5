"""The chain that a device presented, in the one form of headers in which a gateway's key says that it comes.

A terminator may pass the device's own headers on, so whatever another form says is no lesser evidence but an attempt:
a request that has any of it is refused (`OtherForm`).
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Sequence
from urllib.parse import unquote_to_bytes

from starlette.datastructures import Headers

from app.errors import CertificateRejected
from app.findings import Finding, FindingCode, Severity
from app.rules import der, pem
from app.terms import ClientCertForm

HEADERS: dict[ClientCertForm, tuple[str, ...]] = {
    ClientCertForm.RFC9440: ("client-cert", "client-cert-chain"),
    ClientCertForm.XFCC: ("x-forwarded-client-cert",),
    ClientCertForm.PEM: ("x-ssl-client-cert",),
    ClientCertForm.DER: ("x-ssl-client-der", "x-ssl-client-chain-der"),
}
"""Every form's headers, the device's own certificate first."""

_TWICE = "The header {} stands there twice."
_NONE = "No certificate came in the form {}."

# RFC 9651 3.3.5: a byte sequence.
_BYTES = re.compile(r":([A-Za-z0-9+/=]*):")
# Envoy quotes a value that holds a separator, and escapes quotes in it.
_PAIR = re.compile(r'([A-Za-z]+)=("(?:[^"\\]|\\.)*"|[^;,"]*)')
# Envoy's keys: those that it writes once for a certificate, and those that it writes for each name in one.
_ONCE = frozenset({"hash", "cert", "chain", "subject"})
_FOR_EACH = frozenset({"by", "uri", "dns"})
# Names that the device chose, neither quoted nor escaped: a comma among them begins an element that it wrote itself.
_BY_THE_DEVICE = frozenset({"uri", "dns"})


class NotAsked(Exception):
    """The request asks nothing that could be decided: its terminator is not set up as it must be."""

    code = "NOT_ASKED"


class NoCertificate(NotAsked):
    """The device presented none, or the terminator handed none on."""

    code = "NO_CERTIFICATE"


class OtherForm(NotAsked):
    """The request carries what the key's form does not."""

    code = "OTHER_FORM"


def presented(headers: Headers, form: ClientCertForm) -> tuple[bytes, ...]:
    """The chain as DER, leaf first.

    Raises NoCertificate, OtherForm, and CertificateRejected for what cannot be read.
    """
    _require_form(headers, form)
    name = HEADERS[form][0]
    if form is not ClientCertForm.XFCC:
        once(headers, name)
    own = headers.getlist(name)
    if not own or not own[-1].strip():
        raise NoCertificate(_NONE.format(form.value))
    return tuple(_READERS[form](headers))


def once(headers: Headers, name: str) -> str | None:
    """What a header says that may not stand there twice: a device may have sent the other. Raises OtherForm."""
    said = headers.getlist(name)
    if len(said) > 1:
        raise OtherForm(_TWICE.format(name))
    return said[0] if said else None


def _require_form(headers: Headers, form: ClientCertForm) -> None:
    for other, names in HEADERS.items():
        for name in names:
            if other is not form and name in headers:
                message = f"The key's form is {form.value}, and there is {name}: the terminator must drop that header."
                raise OtherForm(message)


def _rfc9440(headers: Headers) -> tuple[bytes, ...]:
    (leaf,) = _byte_sequences(headers["client-cert"], one=True)
    chain = ",".join(headers.getlist("client-cert-chain"))
    return (leaf, *_byte_sequences(chain)) if chain.strip() else (leaf,)


def _byte_sequences(text: str, *, one: bool = False) -> tuple[bytes, ...]:
    items = [text.strip()] if one else [item.strip() for item in text.split(",")]
    found = [_BYTES.fullmatch(item) for item in items]
    return tuple(_base64(match[1] if match else None) for match in found)


def _xfcc(headers: Headers) -> tuple[bytes, ...]:
    elements = _elements(",".join(headers.getlist("x-forwarded-client-cert")))
    if len(elements) > 1 and any(key in _BY_THE_DEVICE for element in elements for key, _ in element):
        raise _unreadable("With URI or DNS nobody can tell where an element ends: let the terminator send neither.")
    # What stands before the last element was said by somebody further out, whom nobody has to believe.
    pairs = dict(elements[-1])
    leaf, chain = pairs.get("cert"), pairs.get("chain")
    if leaf is None and chain is None:
        raise NoCertificate(_NONE.format(ClientCertForm.XFCC.value))
    ders = [pem.tokenise(_unquoted(text)) for text in (leaf, chain) if text is not None]
    if len(ders) == 2 and ders[0] != ders[1][:1]:
        raise OtherForm("The Chain of x-forwarded-client-cert does not begin with its Cert.")
    if "hash" in pairs and pairs["hash"].lower() != hashlib.sha256(ders[-1][0]).hexdigest():
        raise OtherForm("The Hash of x-forwarded-client-cert is not that of its certificate.")
    return ders[-1]


def _elements(text: str) -> list[list[tuple[str, str]]]:
    """The pairs of each element, keys in lower case."""
    elements: list[list[tuple[str, str]]] = [[]]
    at = 0
    while at < len(text):
        match = _PAIR.match(text, at)
        if match is None or text[match.end() : match.end() + 1] not in {"", ";", ","}:
            raise _unreadable("The header is no list of key=value pairs.")
        _add(elements[-1], match[1].lower(), match[2].strip('"'))
        at = match.end() + 1
        if text[match.end() : at] == "," and at < len(text):
            elements.append([])
        while text[at : at + 1] == " ":
            at += 1
    return elements


def _add(element: list[tuple[str, str]], key: str, value: str) -> None:
    """A second certificate in an element is nobody's but the device's, which wrote it into a name of its own."""
    if key not in _ONCE | _FOR_EACH:
        raise _unreadable(f"The header has the key {key}, which Envoy does not write.")
    if key in _ONCE and any(key == other for other, _ in element):
        raise _unreadable(f"The header has the key {key} twice in one element.")
    element.append((key, value))


def _pem(headers: Headers) -> tuple[bytes, ...]:
    return pem.tokenise(_unquoted(headers["x-ssl-client-cert"]))


def _unquoted(text: str) -> str:
    # Not decoded as a form: a plus sign is one of Base64's digits.
    return unquote_to_bytes(text).decode("utf-8", "replace")


def _der(headers: Headers) -> tuple[bytes, ...]:
    leaf = _base64(headers["x-ssl-client-der"])
    chain = once(headers, "x-ssl-client-chain-der")
    return (leaf, *_apart(_base64(chain))) if chain and chain.strip() else (leaf,)


def _apart(joined: bytes) -> tuple[bytes, ...]:
    try:
        return tuple(der.apart(joined))
    except ValueError:
        raise _unreadable("The chain is not one certificate after another.") from None


def _base64(text: str | None) -> bytes:
    try:
        return base64.b64decode(text or "-", validate=True)
    except (binascii.Error, ValueError):
        raise _unreadable("The header is not Base64.") from None


def _unreadable(message: str) -> CertificateRejected:
    return CertificateRejected((Finding(Severity.ERROR, FindingCode.CERT_UNPARSEABLE, message),))


_READERS: dict[ClientCertForm, Callable[[Headers], Sequence[bytes]]] = {
    ClientCertForm.RFC9440: _rfc9440,
    ClientCertForm.XFCC: _xfcc,
    ClientCertForm.PEM: _pem,
    ClientCertForm.DER: _der,
}
