"""Developer certificates in tests: what their keys are to be recognised by, and programs that are not ours."""

import re
import shutil
import subprocess

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


def contents_of(source: str) -> dict[str, bytes]:
    """What a credentials file says, read as text; `tests/peers/test_credentials_file.py` asks a compiler."""
    found = {
        name: bytes(int(octet, 16) for octet in octets.split(","))
        for name, octets in re.findall(r"const uint8_t (\w+)\[\] =\s*\{([^}]*)\};", source)
    }
    return found | {name: text.encode() for name, text in re.findall(r'const char (\w+)\[\] = "([^"]*)";', source)}
