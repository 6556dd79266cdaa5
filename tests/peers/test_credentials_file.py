"""The C file compiles without a warning, and what a program finds in it is what was put there, octet by octet."""

from pathlib import Path

import pytest

from app.rules.credentials_file import Server, Servers, c_source
from tests.developed import contents_of, run

pytestmark = pytest.mark.once

ACCOUNT, CERTIFICATE = "0190a0000000700080000000000000aa", "0190a0000000700080000000000000cc"
DER, KEY = bytes(range(256)) * 2 + b"\x00", bytes(range(255, 0, -1))
SERVERS = Servers(
    bootstrap=Server("coaps://bootstrap.example:5684", b"\x30\x03\x01\x02\x03"),
    lwm2m=Server("coaps://lwm2m.example:5684", b"\x30\x01\xff"),
)


def source(servers: Servers) -> str:
    return c_source(account_id=ACCOUNT, certificate_id=CERTIFICATE, certificate=DER, key=KEY, servers=servers)


def arrays_of(source: str, folder: Path) -> dict[str, bytes]:
    """Compile a credentials file as a device's program would be, link it, and ask the program for its contents.

    Raises AssertionError where the compiler or the linker has anything to say.
    """
    defined = [
        line.split()[2].removesuffix("_SIZE")
        for line in source.splitlines()
        if line.startswith("const uint32_t") and "_SIZE = sizeof" in line
    ]
    texts = [line.split()[2].partition("[")[0] for line in source.splitlines() if line.startswith("const char ")]
    externs = [f"extern const uint8_t {name}[]; extern const uint32_t {name}_SIZE;" for name in defined]
    externs += [f"extern const char {name}[];" for name in texts]
    prints = [f'fputs("{name} ", stdout); put({name}, {name}_SIZE);' for name in defined]
    prints += [f'fputs("{name} ", stdout); put((const uint8_t *){name}, strlen({name}));' for name in texts]
    main = "\n".join(
        [
            "#include <inttypes.h>", "#include <stdio.h>", "#include <string.h>", *externs,
            "static void put(const uint8_t *from, size_t size) {",
            '  for (size_t at = 0; at < size; at++) printf("%02x", from[at]);', '  puts("");', "}",
            "int main(void) {", *prints, "  return 0;", "}", "",
        ]
    )  # fmt: skip
    (folder / "mbed_cloud_dev_credentials.c").write_text(source, encoding="ascii")
    (folder / "main.c").write_text(main, encoding="ascii")
    files = [str(folder / name) for name in ("mbed_cloud_dev_credentials.c", "main.c")]
    run("gcc", "-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", *files, "-o", str(folder / "program"))
    said = run(str(folder / "program")).decode().splitlines()
    return {name: bytes.fromhex(content) for name, _, content in (line.partition(" ") for line in said)}


def test_a_program_finds_every_name_that_the_client_links_against(tmp_path: Path) -> None:
    found = arrays_of(source(SERVERS), tmp_path)

    assert found == contents_of(source(SERVERS))
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
