"""The C file that a developer compiles into a device's program: what it is called, whom it connects to, and its key.

The names are those that the vendor's client links against (`extern const uint8_t …[]`, `extern const uint32_t …_SIZE`).
"""

from collections.abc import Iterator
from dataclasses import dataclass

_PER_LINE = 8
_GUARD = "__MBED_CLOUD_DEV_CREDENTIALS_H__"
_PREFIX = "MBED_CLOUD_DEV_"
_FIXED = (
    ("MANUFACTURER", "dev_manufacturer"),
    ("MODEL_NUMBER", "dev_model_num"),
    ("SERIAL_NUMBER", "0"),
    ("DEVICE_TYPE", "dev_device_type"),
    ("HARDWARE_VERSION", "dev_hardware_version"),
)
"""What a developer is to change; the vendor's file has the same words."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that devices connect to: its address, and the certificate that they know it by, as DER."""

    uri: str | None = None
    root_ca: bytes | None = None


@dataclass(frozen=True, slots=True)
class Servers:
    """The servers that devices connect to, as far as the installation knows them."""

    bootstrap: Server = Server()
    lwm2m: Server = Server()


def c_source(*, account_id: str, certificate_id: str, certificate: bytes, key: bytes, servers: Servers) -> str:
    """The file's text. `certificate` is DER, `key` PKCS #8 in DER; an address holds neither quotes nor backslashes.

    What the installation does not know of its servers is left out, with a comment in its place: the device's program is
    then not linked, and says what is missing. An empty array would be found out by the first handshake.
    """
    uri = None if servers.bootstrap.uri is None else f"{servers.bootstrap.uri}?aid={account_id}"
    arrays = (
        ("BOOTSTRAP_DEVICE_CERTIFICATE", certificate, ""),
        ("BOOTSTRAP_SERVER_ROOT_CA_CERTIFICATE", servers.bootstrap.root_ca, "BOOTSTRAP_SERVER_CA"),
        ("LWM2M_SERVER_ROOT_CA_CERTIFICATE", servers.lwm2m.root_ca, "LWM2M_SERVER_CA"),
        ("BOOTSTRAP_DEVICE_PRIVATE_KEY", key, ""),
    )
    lines = [
        f"/* Credentials of the developer certificate {certificate_id}.",
        " * This file holds a private key: keep it out of version control. */",
        f"#ifndef {_GUARD}",
        f"#define {_GUARD}",
        "",
        "#include <inttypes.h>",
        "",
        _text("BOOTSTRAP_ENDPOINT_NAME", certificate_id),
        _text("ACCOUNT_ID", account_id),
        _missing("BOOTSTRAP_SERVER_URI", "BOOTSTRAP_URI") if uri is None else _text("BOOTSTRAP_SERVER_URI", uri),
        "",
    ]
    for name, content, setting in arrays:
        lines += [_missing(name, setting)] if content is None else _array(name, content)
        lines.append("")
    lines += [_text(name, value) for name, value in _FIXED]
    lines += [f"const uint32_t {_PREFIX}MEMORY_TOTAL_KB = 0;", ""]
    lines += [
        f"const uint32_t {_PREFIX}{name}_SIZE = sizeof({_PREFIX}{name});"
        for name, content, _ in arrays
        if content is not None
    ]
    return "\n".join([*lines, "", "#endif", ""])


def _text(name: str, value: str) -> str:
    return f'const char {_PREFIX}{name}[] = "{value}";'


def _array(name: str, content: bytes) -> Iterator[str]:
    yield f"const uint8_t {_PREFIX}{name}[] ="
    rows = [content[at : at + _PER_LINE] for at in range(0, len(content), _PER_LINE)]
    written = ",\n  ".join(", ".join(f"0x{octet:02x}" for octet in row) for row in rows)
    yield f"{{ {written} }};"


def _missing(name: str, setting: str) -> str:
    return f"/* {_PREFIX}{name} is left out: the service's operator has not set ANCHORAGE_{setting}. */"
