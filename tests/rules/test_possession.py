"""What proves possession of a CA's key, and what does not: one flaw per row."""

import base64
import hashlib
from datetime import datetime, timedelta

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from app.errors import ChallengeUsed, InvalidState, PrivateKeyPresent, Refusal
from app.findings import ProofFlaw
from app.rules.possession import (
    VERIFICATION_CODE_PREFIX,
    Challenge,
    Proof,
    Signature,
    require_open,
    require_provable,
)
from app.terms import Possession
from tests.rules.authority import AT, make, pss_only, rsa_key
from tests.rules.challenging import (
    KEYS,
    NONCE,
    challenge_for,
    flaw_of,
    issued,
    key_text,
    presented,
    signature_of,
    signed,
)

pytestmark = pytest.mark.once

CA = make("Fleet CA")
CHALLENGE = challenge_for(CA)
CODE = CHALLENGE.verification_code
TEXT = CHALLENGE.text.encode()


def test_the_text_is_four_lines_that_bind_the_nonce_to_account_and_certificate() -> None:
    assert CHALLENGE.text == (
        f"tcpop1\naccount={'a' * 32}\ncertificate-sha256={hashlib.sha256(CA.der).hexdigest()}\n"
        "nonce=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
    )
    # No certificate that somebody prepared begins so: a SEQUENCE begins with 0x30.
    assert TEXT[0] != 0x30


def test_the_code_fits_into_a_common_name_and_depends_on_all_of_the_text() -> None:
    other_ca, other_nonce = challenge_for(make("Other")), challenge_for(CA, bytes(32))
    other_account = Challenge(
        "b" * 32, CHALLENGE.fingerprint, NONCE, CHALLENGE.signature_expires_at, CHALLENGE.certificate_expires_at
    )

    assert len(CODE) == 55
    assert CODE.startswith(VERIFICATION_CODE_PREFIX)
    assert set(CODE.removeprefix(VERIFICATION_CODE_PREFIX)) <= set("0123456789abcdef")
    codes = {each.verification_code for each in (CHALLENGE, other_ca, other_nonce, other_account)}
    assert len(codes) == 4


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("ending", [b"", b"\n", b"\r\n"])
def test_a_signature_of_the_key_over_the_text_is_a_proof(kind: str, ending: bytes) -> None:
    ca = make(key=KEYS[kind]())
    challenge = challenge_for(ca)

    assert flaw_of(signature_of(ca, challenge, ending), ca) is None


def test_a_key_that_is_for_pss_alone_proves_itself_with_pss_alone() -> None:
    ca = pss_only(make(key=rsa_key()))
    challenge = challenge_for(ca)
    salted = padding.PSS(padding.MGF1(hashes.SHA256()), 32)

    assert flaw_of(signature_of(ca, challenge), ca) is ProofFlaw.POP_SIGNATURE_INVALID
    assert flaw_of(Signature(rsa_key().sign(challenge.text.encode(), salted, hashes.SHA256())), ca) is None


@pytest.mark.parametrize("digest", [hashes.SHA256(), hashes.SHA384(), hashes.SHA512()])
def test_ecdsa_may_use_any_sha_2_of_ours(digest: hashes.HashAlgorithm) -> None:
    assert flaw_of(Signature(signed(CA.key, TEXT, digest)), CA) is None


@pytest.mark.parametrize("salt_length", [0, 32, 222])
def test_rsa_may_use_pss_with_a_salt_of_any_length(salt_length: int) -> None:
    ca = make(key=rsa_key())
    challenge = challenge_for(ca)
    scheme = padding.PSS(padding.MGF1(hashes.SHA256()), salt_length)

    signature = Signature(rsa_key().sign(challenge.text.encode(), scheme, hashes.SHA256()))

    assert flaw_of(signature, ca) is None


@pytest.mark.parametrize(
    ("kind", "digest"),
    [("RSA 2048", hashes.SHA1()), ("RSA 2048", hashes.SHA512()), ("P-256", hashes.SHA224())],  # noqa: S303  # to be refused
)
def test_another_digest_is_no_proof(kind: str, digest: hashes.HashAlgorithm) -> None:
    ca = make(key=KEYS[kind]())
    challenge = challenge_for(ca)

    signature = Signature(signed(ca.key, challenge.text.encode(), digest))

    assert flaw_of(signature, ca) is ProofFlaw.POP_SIGNATURE_INVALID


FOREIGN_TEXTS = {
    "another nonce": challenge_for(CA, bytes(32)).text.encode(),
    "another certificate": challenge_for(make("Other")).text.encode(),
    "another account": TEXT.replace(b"a" * 32, b"b" * 32),
    "the nonce alone": CHALLENGE.nonce_text.encode(),
    "the code": CODE.encode(),
    "CRLF between the lines": TEXT.replace(b"\n", b"\r\n"),
    "two line breaks": TEXT + b"\n\n",
    "a blank": TEXT + b" ",
    "a byte order mark": "\ufeff".encode() + TEXT,
    "nothing": b"",
}


@pytest.mark.parametrize("text", FOREIGN_TEXTS)
def test_a_signature_over_another_text_is_no_proof(text: str) -> None:
    assert flaw_of(Signature(signed(CA.key, FOREIGN_TEXTS[text])), CA) is ProofFlaw.POP_SIGNATURE_INVALID


@pytest.mark.parametrize("kind", KEYS)
def test_a_signature_of_another_key_is_no_proof(kind: str) -> None:
    ca, other = make(key=KEYS[kind]()), make(key=KEYS[kind]())
    challenge = challenge_for(ca)
    if kind.startswith("RSA"):
        other = make(key=rsa_key(int(kind[4:]), 3))

    proof = signature_of(other, challenge)

    assert flaw_of(proof, ca) is ProofFlaw.POP_SIGNATURE_INVALID


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("cut", ["shorter", "longer", "empty", "text", "huge"])
def test_what_has_not_the_form_of_a_signature_is_told_apart(kind: str, cut: str) -> None:
    ca = make(key=KEYS[kind]())
    challenge = challenge_for(ca)
    good = signature_of(ca, challenge).value
    spoilt = {
        "shorter": good[:-1],
        "longer": good + b"\x00",
        "empty": b"",
        "text": b"tcpop1",
        "huge": bytes(1_000_000),
    }

    assert flaw_of(Signature(spoilt[cut]), ca) is ProofFlaw.POP_SIGNATURE_MALFORMED


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("form", ["PEM", "DER"])
def test_a_private_key_in_place_of_a_signature_is_refused_and_not_quoted(kind: str, form: str) -> None:
    ca = make(key=KEYS[kind]())
    text = key_text(ca)
    body = "".join(text.splitlines()[1:-1])
    value = text.encode() if form == "PEM" else base64.b64decode(body)

    with pytest.raises(PrivateKeyPresent) as raised:
        Signature(value).require(challenge_for(ca), ca.parsed, at=AT)

    assert raised.value.path == ("proof", "signature")
    assert body[:16] not in raised.value.message
    assert "Signature" in repr(Signature(value))
    assert "PRIVATE" not in repr(Signature(value))


@pytest.mark.parametrize("way", ["signature", "certificate"])
def test_a_proof_may_come_until_its_deadline_and_not_at_it(way: str) -> None:
    proofs: dict[str, tuple[Proof, datetime]] = {
        "signature": (signature_of(CA, CHALLENGE), AT + timedelta(hours=24)),
        "certificate": (
            presented(issued(CA, CODE, not_after=AT + timedelta(days=9))),
            AT + timedelta(hours=72),
        ),
    }
    proof, deadline = proofs[way]

    assert flaw_of(proof, CA, at=deadline - timedelta(microseconds=1)) is None
    assert flaw_of(proof, CA, at=deadline) is ProofFlaw.POP_CHALLENGE_EXPIRED


@pytest.mark.parametrize("possession", [Possession.NOT_REQUIRED, Possession.PROVEN])
def test_only_what_is_pending_is_proven(possession: Possession) -> None:
    require_provable(Possession.PENDING)

    with pytest.raises(InvalidState):
        require_provable(possession)


@pytest.mark.parametrize(
    ("is_used", "is_voided", "attempts_left", "kind"),
    [(True, False, 5, ChallengeUsed), (False, True, 5, ChallengeUsed), (False, False, 0, InvalidState)],
)
def test_a_challenge_that_is_over_is_refused(
    is_used: bool, is_voided: bool, attempts_left: int, kind: type[Refusal]
) -> None:
    require_open(is_used=False, is_voided=False, attempts_left=1)

    with pytest.raises(kind) as raised:
        require_open(is_used=is_used, is_voided=is_voided, attempts_left=attempts_left)

    assert type(raised.value) is kind
    assert raised.value.path == ("challengeId",)
