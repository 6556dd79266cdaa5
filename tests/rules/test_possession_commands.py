"""The commands that people are given are run here as they stand, by a shell, with the OpenSSL of this machine."""

import base64
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.rules import pem
from app.rules.possession import CERTIFICATE_PERIOD, SIGNATURE_PERIOD, Challenge, Signature, VerificationCertificate
from app.rules.possession_commands import signature_commands, verification_certificate_commands
from tests.rules.authority import Made, make, rsa_key
from tests.rules.challenging import KEYS, NONCE, challenge_for, key_text

pytestmark = pytest.mark.once

BY_OPENSSL = [kind for kind in KEYS if not kind.startswith("ML")]
"""OpenSSL 3.0 knows no ML-DSA."""


def asked_now(ca: Made) -> Challenge:
    """A challenge that is made now: OpenSSL knows no other time."""
    now = datetime.now(UTC)
    return Challenge("a" * 32, ca.parsed.fingerprint, NONCE, now + SIGNATURE_PERIOD, now + CERTIFICATE_PERIOD)


def run(lines: Sequence[str], folder: Path, ca: Made) -> str:
    """What a shell prints that runs these lines beside the CA's files."""
    (folder / "ca.key").write_text(key_text(ca))
    (folder / "ca.pem").write_text(pem.encode([ca.der]))
    done = subprocess.run(
        ["/bin/sh", "-eu", "-c", "\n".join(lines)], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("kind", BY_OPENSSL)
def test_openssl_signs_the_challenge_with_the_commands(kind: str, tmp_path: Path) -> None:
    ca = make(key=KEYS[kind]())
    challenge = asked_now(ca)

    printed = run(signature_commands(challenge, ca.parsed), tmp_path, ca)

    assert (tmp_path / "challenge.txt").read_bytes() == challenge.text.encode()
    Signature(base64.b64decode(printed, validate=True)).require(challenge, ca.parsed, at=datetime.now(UTC))


@pytest.mark.parametrize("kind", BY_OPENSSL)
def test_openssl_issues_the_verification_certificate_with_the_commands(kind: str, tmp_path: Path) -> None:
    ca = make(key=KEYS[kind]())
    challenge = asked_now(ca)

    run(verification_certificate_commands(challenge, ca.parsed), tmp_path, ca)

    proof = VerificationCertificate.of((tmp_path / "verify.pem").read_text())
    proof.require(challenge, ca.parsed, at=datetime.now(UTC))


def test_a_text_that_openssl_signed_with_a_line_break_after_it_proves_too(tmp_path: Path) -> None:
    ca = make()
    challenge = asked_now(ca)
    write, sign = signature_commands(challenge, ca.parsed)

    printed = run([write, "echo >> challenge.txt", sign], tmp_path, ca)

    Signature(base64.b64decode(printed)).require(challenge, ca.parsed, at=datetime.now(UTC))


def test_a_key_that_brings_its_own_hash_is_given_none() -> None:
    rsa, ed, ml = (make(key=key) for key in (rsa_key(), KEYS["Ed25519"](), KEYS["ML-DSA-65"]()))

    assert "-sha256" in " ".join(verification_certificate_commands(challenge_for(rsa), rsa.parsed))
    for ca in (ed, ml):
        lines = signature_commands(challenge_for(ca), ca.parsed)
        assert lines[1] == "openssl pkeyutl -sign -rawin -inkey ca.key -in challenge.txt | openssl base64 -A"
        assert "-sha256" not in " ".join(verification_certificate_commands(challenge_for(ca), ca.parsed))
