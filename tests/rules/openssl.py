"""OpenSSL's own verdict about a chain, as a TLS server asks for it, and the chain that it took.

A server that is given a CA file verifies with the defaults of `ssl_client`, and without the flag that would let a chain
end below a root. The library is asked instead of its program, because a thousand worlds need ten thousand verdicts.
"""

import ctypes
import ctypes.util
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

_POINTER, _INT, _LONG, _TEXT = ctypes.c_void_p, ctypes.c_int, ctypes.c_long, ctypes.c_char_p
_FUNCTIONS: dict[str, tuple[type, ...]] = {
    # The result's type comes first, then the arguments'.
    "d2i_X509": (_POINTER, _POINTER, _POINTER, _LONG),
    "i2d_X509": (_INT, _POINTER, _POINTER),
    "X509_free": (_INT, _POINTER),
    "X509_STORE_new": (_POINTER,),
    "X509_STORE_load_file": (_INT, _POINTER, _TEXT),
    "X509_STORE_free": (_INT, _POINTER),
    "X509_STORE_CTX_new": (_POINTER,),
    "X509_STORE_CTX_init": (_INT, _POINTER, _POINTER, _POINTER, _POINTER),
    "X509_STORE_CTX_set_default": (_INT, _POINTER, _TEXT),
    "X509_STORE_CTX_set_time": (_INT, _POINTER, ctypes.c_ulong, _LONG),
    "X509_STORE_CTX_get_error": (_INT, _POINTER),
    "X509_STORE_CTX_get0_chain": (_POINTER, _POINTER),
    "X509_STORE_CTX_free": (_INT, _POINTER),
    "X509_verify_cert": (_INT, _POINTER),
    "X509_verify_cert_error_string": (_TEXT, _LONG),
    "OPENSSL_sk_new_null": (_POINTER,),
    "OPENSSL_sk_push": (_INT, _POINTER, _POINTER),
    "OPENSSL_sk_num": (_INT, _POINTER),
    "OPENSSL_sk_value": (_POINTER, _POINTER, _INT),
    "OPENSSL_sk_free": (_INT, _POINTER),
}


@cache
def _library() -> ctypes.CDLL:
    found = ctypes.util.find_library("crypto")
    assert found is not None, "libcrypto is not installed"
    library = ctypes.CDLL(found)
    for name, (result, *arguments) in _FUNCTIONS.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


@dataclass(frozen=True, slots=True)
class Verdict:
    """`error` is empty where the chain is accepted. `chain` is what OpenSSL took, leaf first, as DER."""

    error: str
    chain: tuple[bytes, ...]

    @property
    def accepts(self) -> bool:
        """The device would come in."""
        return not self.error


@contextmanager
def anchors_of(file: Path) -> Iterator[int]:
    """The certificates of a CA file, to verify with."""
    library = _library()
    store = library.X509_STORE_new()
    try:
        assert library.X509_STORE_load_file(store, str(file).encode()), "OpenSSL cannot read the file"
        yield store
    finally:
        library.X509_STORE_free(store)


def verify(anchors: int, presented: Sequence[bytes], *, at: datetime) -> Verdict:
    """Verify a chain, leaf first, against what `anchors_of` gave, at an instant."""
    library = _library()
    certificates = [library.d2i_X509(None, ctypes.byref(ctypes.c_char_p(der)), len(der)) for der in presented]
    others, context = library.OPENSSL_sk_new_null(), library.X509_STORE_CTX_new()
    try:
        for certificate in certificates:
            library.OPENSSL_sk_push(others, certificate)
        assert library.X509_STORE_CTX_init(context, anchors, certificates[0], others)
        assert library.X509_STORE_CTX_set_default(context, b"ssl_client")
        library.X509_STORE_CTX_set_time(context, 0, int(at.timestamp()))
        is_valid = library.X509_verify_cert(context) == 1
        error = library.X509_STORE_CTX_get_error(context)
        text = "" if is_valid else library.X509_verify_cert_error_string(error).decode()
        return Verdict(text, tuple(_taken(context)))
    finally:
        library.X509_STORE_CTX_free(context)
        library.OPENSSL_sk_free(others)
        for certificate in certificates:
            library.X509_free(certificate)


def _taken(context: int) -> Iterator[bytes]:
    library = _library()
    chain = library.X509_STORE_CTX_get0_chain(context)
    for place in range(library.OPENSSL_sk_num(chain)):
        certificate = library.OPENSSL_sk_value(chain, place)
        size = library.i2d_X509(certificate, None)
        buffer = ctypes.create_string_buffer(size)
        library.i2d_X509(certificate, ctypes.byref(ctypes.cast(buffer, ctypes.c_char_p)))
        yield buffer.raw
