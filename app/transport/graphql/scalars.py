"""The scalars: how a value is written, what is accepted, and where that is specified.

What a caller sent never stands in a message from here: it may be a private key.
"""

import base64
import binascii
import re
from datetime import UTC, datetime
from typing import Any, NewType

import strawberry
from strawberry.exceptions import StrawberryInputCoercionError
from strawberry.types.scalar import ScalarDefinition

PEM = NewType("PEM", str)
Base64 = NewType("Base64", bytes)
Sha256 = NewType("Sha256", bytes)
SafeInt = NewType("SafeInt", int)

_LARGEST = 2**53 - 1
_INSTANT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)
_DIGEST = re.compile(r"[0-9A-Fa-f]{64}|[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){31}")


def write_instant(value: datetime) -> str:
    """RFC 3339 in UTC with three decimals and a `Z`."""
    return f"{value.isoformat(timespec='milliseconds')[:23]}Z"


def read_instant(value: object) -> datetime:
    """An RFC 3339 instant of any offset, in UTC, to the microsecond."""
    match = _INSTANT.fullmatch(value) if isinstance(value, str) else None
    # RFC 3339 4.3: -00:00 says that the offset is not known, and then the instant is not either.
    if match is None or match.group(8, 9, 10) == ("-", "00", "00"):
        raise StrawberryInputCoercionError("A DateTime is RFC 3339 text, for example 2026-11-23T22:48:00.123Z.")
    text = match.group(0).upper()
    try:
        fraction = (match[7] or "")[:6].ljust(6, "0")
        offset = "+00:00" if text.endswith("Z") else text[-6:]
        return datetime.fromisoformat(f"{text[:19]}.{fraction}{offset}").astimezone(UTC)
    except (ValueError, OverflowError):
        raise StrawberryInputCoercionError("There is no such instant between the years 1 and 9999.") from None


def read_text(value: object) -> PEM:
    """Any text: what is wrong with it is a finding, for the caller and for the log."""
    if not isinstance(value, str):
        raise StrawberryInputCoercionError("PEM is text.")
    return PEM(value)


def write_base64(value: bytes) -> str:
    """Standard Base64 with padding."""
    return base64.b64encode(value).decode("ascii")


def read_base64(value: object) -> Base64:
    """The bytes. Text that is no Base64 comes through as it is, to be refused as the certificate that it is not."""
    if not isinstance(value, str):
        raise StrawberryInputCoercionError("Base64 is text.")
    raw = value.encode("utf-8", "surrogatepass")
    try:
        return Base64(binascii.a2b_base64(b"".join(raw.split()), strict_mode=True))
    except binascii.Error:
        return Base64(raw)


def read_sha256(value: object) -> Sha256:
    """64 hexadecimal digits, or 32 pairs with colons between them, in capitals or not."""
    if not isinstance(value, str) or not _DIGEST.fullmatch(value):
        raise StrawberryInputCoercionError("A Sha256 is 64 hexadecimal digits, with or without colons between pairs.")
    return Sha256(bytes.fromhex(value.replace(":", "")))


def read_safe_int(value: object) -> SafeInt:
    """A whole number of up to 53 bits."""
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > _LARGEST:
        raise StrawberryInputCoercionError("A SafeInt is a whole number between -(2^53 - 1) and 2^53 - 1.")
    return SafeInt(value)


def _scalar(name: str, description: str, url: str, write: Any, read: Any) -> ScalarDefinition:  # noqa: ANN401
    return strawberry.scalar(
        name=name, description=description, specified_by_url=url, serialize=write, parse_value=read
    )


SCALARS: dict[object, ScalarDefinition] = {
    datetime: _scalar(
        "DateTime",
        "An instant, in UTC, as RFC 3339 text with a `Z`, for example `2026-11-23T22:48:00.123Z`. Input may have any"
        " offset.",
        "https://scalars.graphql.org/andimarek/date-time.html",
        write_instant,
        read_instant,
    ),
    PEM: _scalar(
        "PEM",
        "One or more certificates as PEM text (`-----BEGIN CERTIFICATE-----`), joined end to end. At most 64 KiB."
        " Private keys are refused, and never stored or logged.",
        "https://www.rfc-editor.org/rfc/rfc7468",
        str,
        read_text,
    ),
    Base64: _scalar(
        "Base64",
        "Bytes as standard Base64 text with padding. Input may have line breaks.",
        "https://www.rfc-editor.org/rfc/rfc4648#section-4",
        write_base64,
        read_base64,
    ),
    Sha256: _scalar(
        "Sha256",
        "A SHA-256 digest as 64 lowercase hexadecimal digits. Input also accepts capitals and colons, so that the"
        " output of `openssl x509 -fingerprint` can be pasted.",
        "https://csrc.nist.gov/pubs/fips/180-4/upd1/final",
        bytes.hex,
        read_sha256,
    ),
    SafeInt: _scalar(
        "SafeInt",
        "A whole number of up to 53 bits, as a JSON number: exact in JavaScript, and larger than `Int` allows.",
        "https://www.rfc-editor.org/rfc/rfc7493#section-2.2",
        int,
        read_safe_int,
    ),
}
