"""What others need for one path: a signature by itself, the library's own verifier in this process, and `openssl`.

What runs here is told in processor time, and `openssl` in wall time, its start included.
"""

import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter, process_time

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.verification import ClientVerifier, Criticality, ExtensionPolicy, Policy, PolicyBuilder, Store

from scripts.benchmarks.fleets import Device


def signature_micros(devices: Sequence[Device]) -> float:
    """One P-256 signature of a certificate, verified with its issuer's key; both are parsed beforehand."""
    checks = []
    for device in devices:
        leaf, issuer = x509.load_der_x509_certificate(device.leaf), x509.load_der_x509_certificate(device.issuer)
        key = issuer.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)  # noqa: S101  # so it was made
        checks.append((key, leaf.signature, leaf.tbs_certificate_bytes))
    algorithm = ec.ECDSA(SHA256())
    start = process_time()
    for key, signature, signed in checks:
        key.verify(signature, signed, algorithm)
    return (process_time() - start) / len(checks) * 1e6


def library_micros(devices: Sequence[Device], anchors: Sequence[bytes]) -> float:
    """The library's verifier, from DER to its answer; its store of these anchors is made beforehand."""
    verifier = _verifier([x509.load_der_x509_certificate(anchor) for anchor in anchors])
    start = process_time()
    for device in devices:
        leaf, issuer = x509.load_der_x509_certificate(device.leaf), x509.load_der_x509_certificate(device.issuer)
        verifier.verify(leaf, [issuer])
    return (process_time() - start) / len(devices) * 1e6


def openssl_micros(devices: Sequence[Device], folder: Path) -> float | None:
    """`openssl verify` as a process of its own for each; None where the program is not here."""
    program = shutil.which("openssl")
    if program is None:
        return None
    commands = [_command(program, device, folder, number) for number, device in enumerate(devices)]
    start = perf_counter()
    for command in commands:
        subprocess.run(command, check=True, capture_output=True)
    return (perf_counter() - start) / len(commands) * 1e6


def _command(program: str, device: Device, folder: Path, number: int) -> list[str]:
    leaf, issuer = folder / f"leaf-{number}.pem", folder / f"issuer-{number}.pem"
    for path, der in ((leaf, device.leaf), (issuer, device.issuer)):
        path.write_bytes(x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM))
    return [program, "verify", "-partial_chain", "-trusted", str(issuer), str(leaf)]


def _verifier(anchors: list[x509.Certificate]) -> ClientVerifier:
    """What the library asks for on the web, without what devices' chains often lack."""
    ca, device = ExtensionPolicy.webpki_defaults_ca(), ExtensionPolicy.webpki_defaults_ee()
    for identifier in (x509.AuthorityKeyIdentifier, x509.SubjectKeyIdentifier):
        ca = ca.may_be_present(identifier, Criticality.NON_CRITICAL, None)
        device = device.may_be_present(identifier, Criticality.NON_CRITICAL, None)
    ca = ca.require_present(x509.BasicConstraints, Criticality.AGNOSTIC, _is_ca)
    device = device.may_be_present(x509.SubjectAlternativeName, Criticality.AGNOSTIC, None)
    builder = PolicyBuilder().store(Store(anchors)).time(datetime.now(UTC))
    return builder.extension_policies(ca_policy=ca, ee_policy=device).build_client_verifier()


def _is_ca(_: Policy, __: x509.Certificate, constraints: x509.BasicConstraints) -> None:
    if not constraints.ca:
        raise ValueError("no CA")
