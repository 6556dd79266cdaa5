"""Developer certificates in tests: what their keys are to be recognised by, and programs that are not ours."""

import shutil
import subprocess
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key

from app.services.developer_certificates import NewDeveloperCertificate


def program(name: str) -> str:
    """Where a program of the machine is."""
    found = shutil.which(name)
    assert found is not None, f"this test needs {name}"
    return found


def run(*command: str, given: bytes = b"") -> bytes:
    """What a program answers. Raises AssertionError with what it complains of."""
    ended = subprocess.run([program(command[0]), *command[1:]], input=given, capture_output=True, check=False)
    assert ended.returncode == 0, (command, ended.stdout, ended.stderr)
    return ended.stdout


def scalar_of(key: bytes | str) -> bytes:
    """The 32 octets of a key that are secret, from PKCS #8 in DER or PEM; the rest stands in every certificate."""
    read = (
        load_pem_private_key(key.encode(), password=None)
        if isinstance(key, str)
        else load_der_private_key(key, password=None)
    )
    assert isinstance(read, ec.EllipticCurvePrivateKey)
    return read.private_numbers().private_value.to_bytes(32, "big")


def key_of(made: NewDeveloperCertificate) -> bytes:
    """The key as it was shown, PKCS #8 in DER."""
    assert made.credentials is not None
    return made.credentials.key.der


def certificate_of(made: NewDeveloperCertificate) -> x509.Certificate:
    """The certificate as it was shown."""
    assert made.credentials is not None
    return x509.load_der_x509_certificate(made.credentials.certificate)


def arrays_of(source: str, folder: Path) -> dict[str, bytes]:
    """Compile a credentials file as a device's program would be, link it, and ask the program for its contents.

    Raises AssertionError where the compiler or the linker has anything to say.
    """
    names = {"CERTIFICATE", "ROOT_CA_CERTIFICATE", "PRIVATE_KEY"}
    defined = [
        line.split()[2].removesuffix("_SIZE")
        for line in source.splitlines()
        if line.startswith("const uint32_t") and "_SIZE = sizeof" in line
    ]
    assert all(any(name.endswith(end) for end in names) for name in defined)
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
