"""A bundle of every format is told from what is none."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa

from app.rules import pem
from app.rules.bundle import Bundle
from app.rules.bundle_formats import Format, write
from app.rules.bundle_reading import NotABundle, require_bundle
from app.rules.placeholder import placeholder
from tests.rules.authority import make, rsa_key

pytestmark = pytest.mark.once

EMPTY = Bundle((), (), 7, 7)
ALONE = Bundle((make("Anchor").parsed,), (), 7, 7)
PLAIN = pem.encode([placeholder().der])
TRUSTED = pem.encode([placeholder().der + bytes.fromhex("300c300a06082b06010505070302")], "TRUSTED CERTIFICATE")


@pytest.mark.parametrize("form", Format)
def test_what_is_written_is_a_bundle(form: Format) -> None:
    keys = (
        ec.generate_private_key(ec.SECP384R1()),
        rsa_key(),
        ed25519.Ed25519PrivateKey.generate(),
        ed448.Ed448PrivateKey.generate(),
        mldsa.MLDSA65PrivateKey.generate(),
    )
    anchors = tuple(make(key=key).parsed for key in keys)
    for bundle in (EMPTY, Bundle(anchors, anchors[:1], 7, 7)):
        require_bundle(write(bundle, form), form)


@pytest.mark.parametrize("form", Format)
@pytest.mark.parametrize(
    "content",
    [b"", b"<html>back soon</html>", b"\x00" * 40, b"\x30\x80\x00\x00", b"{}", b"[1]", b"[" * 100_000, b'"keys"'],
    ids=["empty", "page", "zeros", "indefinite", "object", "list", "deep", "text"],
)
def test_what_cannot_be_read_is_none(form: Format, content: bytes) -> None:
    with pytest.raises(NotABundle, match=r"^It cannot be read as |lacks the anchor"):
        require_bundle(content, form)


@pytest.mark.parametrize("form", Format)
def test_what_is_cut_off_is_none(form: Format) -> None:
    whole = write(ALONE, form)
    for end in range(0, len(whole) - 1, 97):
        with pytest.raises(NotABundle):
            require_bundle(whole[:end], form)


@pytest.mark.parametrize(
    ("form", "content"),
    [
        (Format.PEM, pem.encode([make("Anchor").der])),
        (Format.PEM, TRUSTED),
        (Format.OPENSSL, PLAIN),
        (Format.OPENSSL, TRUSTED),
        (Format.OPENSSL, TRUSTED.replace("TRUSTED CERTIFICATE-----\n", "TRUSTED CERTIFICATE-----\n!") + PLAIN),
        (Format.OPENSSL, "-----BEGIN TRUSTED CERTIFICATE-----\n-----END TRUSTED CERTIFICATE-----\n" + PLAIN),
        (Format.SPIFFE, json.dumps({"keys": []})),
        (Format.SPIFFE, json.dumps({"keys": [{"x5c": []}]})),
        (Format.SPIFFE, json.dumps({"keys": [{"x5c": [1]}]})),
        (Format.SPIFFE, json.dumps({"keys": [{"x5c": ["MAA="]}]})),
    ],
)
def test_what_lacks_the_placeholder_is_none(form: Format, content: str) -> None:
    with pytest.raises(NotABundle):
        require_bundle(content.encode(), form)


@pytest.mark.parametrize("form", Format)
def test_a_bundle_without_the_placeholder_is_none(form: Format, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Bundle, "trusted", property(lambda bundle: bundle.anchors))
    content = write(ALONE, form)
    monkeypatch.undo()

    with pytest.raises(NotABundle, match="lacks the anchor"):
        require_bundle(content, form)
