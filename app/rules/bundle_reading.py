"""A bundle's file, read back: whether what came from somewhere is a bundle at all.

A page of a proxy or an empty body with the right status is none, and a terminator that reads one keeps its old file, or
lets nobody in, or does not start. What tells a bundle is the placeholder, which each holds, however few its anchors.
"""

import base64
import re
from collections.abc import Callable, Sequence

import orjson
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import load_der_pkcs7_certificates

from app.rules import der
from app.rules.bundle_formats import Format
from app.rules.placeholder import placeholder

_TRUSTED = re.compile(rb"-----BEGIN TRUSTED CERTIFICATE-----(.*?)-----END TRUSTED CERTIFICATE-----", re.DOTALL)


class NotABundle(ValueError):
    """The bytes are no bundle in the format that was asked for."""


def require_bundle(content: bytes, form: Format) -> None:
    """Raises NotABundle where the content cannot be read in this format, or has no placeholder."""
    try:
        anchors = [certificate.public_bytes(Encoding.DER) for certificate in _READERS[form](content)]
    except (ValueError, LookupError, TypeError, UnsupportedAlgorithm):
        raise NotABundle(f"It cannot be read as {form.value}.") from None
    if placeholder().der not in anchors:
        raise NotABundle(f"Read as {form.value}, it lacks the anchor that every bundle holds.")


def _pem(content: bytes) -> Sequence[x509.Certificate]:
    return x509.load_pem_x509_certificates(content)


def _openssl(content: bytes) -> Sequence[x509.Certificate]:
    # The library passes over the blocks that say what a certificate is trusted for; OpenSSL admits nobody without them.
    trusted = {next(der.apart(base64.b64decode(block)), b"") for block in _TRUSTED.findall(content)}
    return [each for each in _pem(content) if each.public_bytes(Encoding.DER) in trusted]


def _p7b(content: bytes) -> Sequence[x509.Certificate]:
    return load_der_pkcs7_certificates(content)


def _spiffe(content: bytes) -> Sequence[x509.Certificate]:
    return [x509.load_der_x509_certificate(base64.b64decode(key["x5c"][0])) for key in orjson.loads(content)["keys"]]


_READERS: dict[Format, Callable[[bytes], Sequence[x509.Certificate]]] = {
    Format.PEM: _pem,
    Format.OPENSSL: _openssl,
    Format.P7B: _p7b,
    Format.SPIFFE: _spiffe,
}
