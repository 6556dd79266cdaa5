"""From what somebody sent to certificates as bytes: our own reading of PEM (RFC 7468), and private keys kept out.

The library's reader is not used: it silently drops private keys, requests and a truncated second certificate, where
each of them must be a refusal that says so. No message, and no exception behind one, carries any part of the input.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import NoReturn

from app.errors import CertificateRejected
from app.findings import Finding, FindingCode, Severity
from app.rules.certificate import MAX_DER_BYTES
from app.rules.der import begins_with_two_sequences, is_key_shaped, read

MAX_TEXT_BYTES = 64 * 1024
MAX_CERTIFICATES = 10
_COLUMNS = 64
_LABELS = frozenset({"CERTIFICATE", "X509 CERTIFICATE"})

_BOUNDARY = re.compile(r"-----(BEGIN|END) ([^\r\n]{0,64}?)-----")
_STRAY_BOUNDARY = re.compile(r"--\s*(?:BEGIN|END)\b|\b(?:BEGIN|END) (?:X509 )?CERTIFICATE", re.IGNORECASE)
_SPACE = re.compile(r"\s+")

# Characters that do not show and could split a word: NUL (UTF-16), soft hyphen, zero-width and direction marks.
_INVISIBLE = re.compile("[\x00\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]+")
_KEY_WORDS = re.compile(r"PRIVATE[\s_-]*KEY", re.IGNORECASE)
# PEM with RFC 1421's encryption headers, and PuTTY's format.
_KEY_ARMOUR = re.compile(
    r"BEGIN[^\r\n]{0,40}PRIVATE[\s_-]*KEY|Proc-Type:\s*4,\s*ENCRYPTED|DEK-Info:|PuTTY-User-Key-File|Private-Lines:",
    re.IGNORECASE,
)
# The private part of a JSON Web Key (RFC 7518 6).
_JWK_PRIVATE_PART = re.compile(r'"d"\s*:')
# Octets pasted as characters, those above 0x7F perhaps lost on the way: SEQUENCE, a length, INTEGER 0 to 3; or
# SEQUENCE, SEQUENCE, the OBJECT IDENTIFIER of a password-based encryption.
_PASTED_DER = re.compile(
    r"0.{1,5}?\x02\x01[\x00-\x03]|0.{1,5}?0.{1,5}?\x06[\x09\x0a]\*.H.{1,2}\r\x01[\x05\x0c]", re.DOTALL
)
_OPENSSH = b"openssh-key-v1\x00"

_DASHES = re.compile(r"-{4,}[^\r\n-]{0,80}-{4,}")
_BASE64 = re.compile(r"[A-Za-z0-9+/_=-]*")
# Where Base64 may start that is DER (0x30 0x0. to 0x30 0xf.), "openssh-key-v1", or itself PEM.
_ENCODED_START = re.compile(r"(?<![A-Za-z0-9+/_-])(?=M[A-P]|b3BlbnNzaC1rZXktdjE|LS0tLS1CRUdJTi)")
_URL_SAFE = str.maketrans("-_", "+/", "=")
# Nobody is expected to hide a key on purpose: the bounds keep a crafted text from costing more than milliseconds.
_STARTS_EXAMINED = 256
_START_EXAMINED = 2048
_SHORTEST_KEY = 24
_SEVERAL = 10


@dataclass(frozen=True, slots=True)
class _Block:
    label: str
    body: str


def ders_of(source: str | bytes) -> tuple[bytes, ...]:
    """What was sent, unread so far: PEM text, or one certificate as DER. Raises CertificateRejected."""
    return tokenise(source) if isinstance(source, str) else from_der(source)


def tokenise(text: str) -> tuple[bytes, ...]:
    """The DER of every certificate in a PEM text, in its order, duplicates included.

    Text around the blocks, indentation, any line ending and a byte order mark are allowed.
    Raises CertificateRejected with the one finding that decided; its index counts blocks.
    """
    _refuse_private_keys(text)
    if not text.strip("\ufeff \t\r\n\f\v"):
        _refuse(FindingCode.INPUT_EMPTY, "There is no text.")
    if len(text) > MAX_TEXT_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_TEXT_BYTES:
        _refuse(FindingCode.INPUT_TOO_LARGE, "The text may have at most 64 KiB.")
    blocks = _blocks(text)
    ders = [_decode(block.body, index) for index, block in enumerate(blocks)]
    for index, block in enumerate(blocks):
        if block.label not in _LABELS:
            message = "A PEM block is labelled as something else than a certificate: send certificates only."
            _refuse(FindingCode.PEM_UNEXPECTED_BLOCK, message, index)
    if len(ders) > MAX_CERTIFICATES:
        message = f"There are {len(ders)} certificates; a chain may have at most {MAX_CERTIFICATES}."
        _refuse(FindingCode.TOO_MANY_CERTIFICATES, message, MAX_CERTIFICATES)
    for index, der in enumerate(ders):
        _require_small(der, index)
    return tuple(ders)


def from_der(data: bytes) -> tuple[bytes, ...]:
    """The one certificate that was sent as DER, unread so far: what `tokenise` returns for one block.

    Raises CertificateRejected: PRIVATE_KEY_PRESENT (a PKCS#12 file counts as one), INPUT_EMPTY, CERT_TOO_LARGE,
    and CERT_UNPARSEABLE for PEM text, PKCS#7 and whatever else does not begin as a certificate does.
    """
    if holds_private_key(data):
        _refuse_private_key()
    if not data:
        _refuse(FindingCode.INPUT_EMPTY, "There are no bytes.")
    _require_small(data, 0)
    if b"-----BEGIN " in data:
        _refuse(FindingCode.CERT_UNPARSEABLE, "This is PEM text: send it as text.", 0)
    # A certificate is SEQUENCE { SEQUENCE …; PKCS#7 is SEQUENCE { OBJECT IDENTIFIER …
    if not begins_with_two_sequences(data):
        _refuse(FindingCode.CERT_UNPARSEABLE, "This is no X.509 certificate in DER.", 0)
    return (data,)


def from_file(data: bytes) -> tuple[bytes, ...]:
    """The certificates of a file, which must be PEM in UTF-8 (or ASCII).

    Raises CertificateRejected as `tokenise` does; NOT_PEM for DER, PKCS#7, UTF-16 and whatever is not UTF-8.
    """
    if _is_key(data):
        _refuse_private_key()
    _refuse_private_keys(data.decode("latin-1"))
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = None
    if text is None:
        _refuse(FindingCode.NOT_PEM, "The file is not PEM text in UTF-8.")
    return tokenise(text)


def encode(ders: Sequence[bytes], label: str = "CERTIFICATE") -> str:
    """PEM as RFC 7468 3 wants it written: lines of 64, LF; the certificates in the given order."""
    lines: list[str] = []
    for der in ders:
        body = base64.b64encode(der).decode("ascii")
        lines.append(f"-----BEGIN {label}-----")
        lines.extend(body[start : start + _COLUMNS] for start in range(0, len(body), _COLUMNS))
        lines.append(f"-----END {label}-----")
    return "".join(f"{line}\n" for line in lines)


def looks_like_private_key(text: str) -> bool:
    """Whether a text that is no certificate (a name, a description, a reason) holds what looks like a private key.

    Looks for armour and for encoded keys, not for the words alone: people may write about private keys.
    """
    visible = _INVISIBLE.sub("", text)
    if _KEY_ARMOUR.search(visible) or _PASTED_DER.match(text):
        return True
    if '"kty"' in visible and _JWK_PRIVATE_PART.search(visible):
        return True
    return any(_region_holds_key(region) for region in _DASHES.split(visible))


def holds_private_key(data: bytes) -> bool:
    """Whether bytes that are no PEM file (one certificate, a signature) are, or hold, what looks like a private key.

    The words alone prove nothing here: a certificate's own names and notices may hold them.
    """
    return _is_key(data) or looks_like_private_key(data[:MAX_TEXT_BYTES].decode("latin-1"))


def _refuse_private_keys(text: str) -> None:
    # A text that is too long is dropped in any case, so what lies past the limit need not be decoded.
    if _KEY_WORDS.search(_INVISIBLE.sub("", text)) or looks_like_private_key(text[:MAX_TEXT_BYTES]):
        _refuse_private_key()


def _region_holds_key(region: str) -> bool:
    """Look into what stands between two lines of dashes, whatever they say: a label does not decide what is inside.

    Pure Base64 is one value and has one start: looking for more starts in it would find keys in the random octets of
    signatures. Other text may hold encoded keys anywhere.
    """
    compact = _SPACE.sub("", region)
    if _BASE64.fullmatch(compact):
        return _is_encoded_key(compact)
    starts = (match.start() for match in islice(_ENCODED_START.finditer(region), _STARTS_EXAMINED))
    return any(_is_encoded_key(_SPACE.sub("", region[start : start + _START_EXAMINED])) for start in starts)


def _is_encoded_key(compact: str) -> bool:
    run = _BASE64.match(compact)
    digits = run[0].translate(_URL_SAFE) if run else ""
    if len(digits) < _SHORTEST_KEY:
        return False
    if len(digits) % 4 == 1:
        digits = digits[:-1]
    data = binascii.a2b_base64(digits + "=" * (-len(digits) % 4))
    return _is_key(data) or (_KEY_WORDS.search(data.decode("latin-1")) is not None and digits.startswith("LS0t"))


def _is_key(data: bytes) -> bool:
    """Whether one of the DER values that follow one another, or the bytes as a whole, is a private key's."""
    if data.startswith(_OPENSSH):
        return True
    offset = 0
    for _ in range(_SEVERAL):
        if is_key_shaped(data[offset:]):
            return True
        try:
            offset = read(data, offset).end
        except ValueError:
            return False
    return False


def _blocks(text: str) -> list[_Block]:
    if "\x00" in text or (text.startswith("0") and not text[1:2].isprintable()):
        message = "This is a binary file (DER, PKCS#7, PKCS#12 or UTF-16): convert it to PEM text first."
        _refuse(FindingCode.NOT_PEM, message)
    boundaries = list(_BOUNDARY.finditer(text))
    outside = _outside(text, boundaries)
    if not boundaries and not _STRAY_BOUNDARY.search(outside):
        _refuse(FindingCode.NOT_PEM, "There is no PEM block: a certificate begins with -----BEGIN CERTIFICATE-----.")
    blocks: list[_Block] = []
    for number, boundary in enumerate(boundaries):
        expected = "BEGIN" if number % 2 == 0 else "END"
        if boundary[1] != expected:
            _malformed("Every BEGIN line needs its END line, and blocks may not be nested.", len(blocks))
        if expected == "END":
            begin = boundaries[number - 1]
            if begin[2] != boundary[2]:
                _malformed("A block's BEGIN and END lines name different labels.", len(blocks))
            blocks.append(_Block(begin[2], text[begin.end() : boundary.start()]))
    if len(boundaries) % 2 or _STRAY_BOUNDARY.search(outside):
        _malformed("A BEGIN or END line is missing or damaged.", len(blocks))
    return blocks


def _outside(text: str, boundaries: list[re.Match[str]]) -> str:
    if not boundaries:
        return text
    between = [text[a.end() : b.start()] for a, b in pairwise(boundaries) if a[1] == "END"]
    return "\n".join([text[: boundaries[0].start()], *between, text[boundaries[-1].end() :]])


def _decode(body: str, index: int) -> bytes:
    compact = _SPACE.sub("", body)
    try:
        der = base64.b64decode(compact.encode("ascii"), validate=True)
    except ValueError:
        # binascii.Error and UnicodeEncodeError: both carry the text, which must go no further.
        der = b""
    if not der:
        _malformed("A block's Base64 is damaged, or the block is empty.", index)
    return der


def _require_small(der: bytes, index: int) -> None:
    if len(der) > MAX_DER_BYTES:
        _refuse(FindingCode.CERT_TOO_LARGE, "A certificate may have at most 16 KiB.", index)


def _malformed(message: str, index: int) -> NoReturn:
    _refuse(FindingCode.PEM_MALFORMED, message, index, "RFC 7468 3")


def _refuse_private_key() -> NoReturn:
    message = (
        "The input holds what looks like a private key, or a PKCS#12 file that may hold one. It was discarded: "
        "send certificates only, and consider replacing the key if it left its place."
    )
    _refuse(FindingCode.PRIVATE_KEY_PRESENT, message)


def _refuse(code: FindingCode, message: str, index: int | None = None, reference: str | None = None) -> NoReturn:
    raise CertificateRejected((Finding(Severity.ERROR, code, message, index, reference),))
