"""The C file compiles without a warning, and what a program finds in it is what was put there, octet by octet."""

from pathlib import Path

import pytest

from app.rules.credentials_file import Server, Servers, c_source
from tests.developed import arrays_of, run

pytestmark = pytest.mark.once

ACCOUNT, CERTIFICATE = "0190a0000000700080000000000000aa", "0190a0000000700080000000000000cc"
DER, KEY = bytes(range(256)) * 2 + b"\x00", bytes(range(255, 0, -1))
SERVERS = Servers(
    bootstrap=Server("coaps://bootstrap.example:5684", b"\x30\x03\x01\x02\x03"),
    lwm2m=Server("coaps://lwm2m.example:5684", b"\x30\x01\xff"),
)


def source(servers: Servers) -> str:
    return c_source(account_id=ACCOUNT, certificate_id=CERTIFICATE, certificate=DER, key=KEY, servers=servers)


def test_a_program_finds_every_name_that_the_client_links_against(tmp_path: Path) -> None:
    found = arrays_of(source(SERVERS), tmp_path)

    assert {name.removeprefix("MBED_CLOUD_DEV_"): content for name, content in found.items()} == {
        "BOOTSTRAP_ENDPOINT_NAME": CERTIFICATE.encode(),
        "ACCOUNT_ID": ACCOUNT.encode(),
        "BOOTSTRAP_SERVER_URI": f"coaps://bootstrap.example:5684?aid={ACCOUNT}".encode(),
        "BOOTSTRAP_DEVICE_CERTIFICATE": DER,
        "BOOTSTRAP_SERVER_ROOT_CA_CERTIFICATE": b"\x30\x03\x01\x02\x03",
        "LWM2M_SERVER_ROOT_CA_CERTIFICATE": b"\x30\x01\xff",
        "BOOTSTRAP_DEVICE_PRIVATE_KEY": KEY,
        "MANUFACTURER": b"dev_manufacturer",
        "MODEL_NUMBER": b"dev_model_num",
        "SERIAL_NUMBER": b"0",
        "DEVICE_TYPE": b"dev_device_type",
        "HARDWARE_VERSION": b"dev_hardware_version",
    }
    assert "const uint32_t MBED_CLOUD_DEV_MEMORY_TOTAL_KB = 0;" in source(SERVERS)


def test_what_nobody_named_is_left_out_and_said_in_its_place(tmp_path: Path) -> None:
    text = source(Servers())

    found = arrays_of(text, tmp_path)

    assert found["MBED_CLOUD_DEV_BOOTSTRAP_DEVICE_CERTIFICATE"] == DER
    for name, setting in (
        ("BOOTSTRAP_SERVER_URI", "ANCHORAGE_BOOTSTRAP_URI"),
        ("BOOTSTRAP_SERVER_ROOT_CA_CERTIFICATE", "ANCHORAGE_BOOTSTRAP_SERVER_CA"),
        ("LWM2M_SERVER_ROOT_CA_CERTIFICATE", "ANCHORAGE_LWM2M_SERVER_CA"),
    ):
        assert f"MBED_CLOUD_DEV_{name}" not in found
        assert f"/* MBED_CLOUD_DEV_{name} is left out: the service's operator has not set {setting}. */" in text


def test_a_program_that_needs_what_is_left_out_is_not_linked(tmp_path: Path) -> None:
    name = "MBED_CLOUD_DEV_BOOTSTRAP_SERVER_ROOT_CA_CERTIFICATE_SIZE"
    (tmp_path / "main.c").write_text(
        f"#include <inttypes.h>\nextern const uint32_t {name};\nint main(void) {{ return (int){name}; }}\n"
    )
    (tmp_path / "without.c").write_text(source(Servers()))
    (tmp_path / "with.c").write_text(source(SERVERS))
    files = [str(tmp_path / "main.c"), "-o", str(tmp_path / "program")]

    run("gcc", str(tmp_path / "with.c"), *files)
    with pytest.raises(AssertionError, match=f"undefined reference to `{name}'"):
        run("gcc", str(tmp_path / "without.c"), *files)
