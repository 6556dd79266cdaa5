"""The bundles that a server offers, read by other people's programs."""

import base64
import json
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from jwcrypto import jwk  # type: ignore[import-untyped]

from app.rules import pem
from app.rules.bundle import SEQUENCE_STEPS, bundle_of
from app.rules.chain import Chain
from app.rules.placeholder import NAME, placeholder
from app.rules.trust_store import Record, TrustStore
from app.store.gateways import gateways
from app.terms import Possession, Service, Status, Usage
from tests.fleet import NOW, ca, fleet
from tests.rules.authority import Made, make
from tests.transport.gateway.conftest import Site


async def bundle(site: Site, form: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    answer = await site.fetch(form, **headers)
    return answer.status_code, dict(answer.headers), answer.content


async def test_plain_certificates_hold_the_anchor_and_never_its_root(trusting: Site) -> None:
    _, headers, content = await bundle(trusting, "pem")

    assert pem.tokenise(content.decode()) == (fleet().trusted.der, placeholder().der)
    assert headers["x-trust-anchors"] == "1"
    assert fleet().root.der not in content


async def test_a_tag_stands_for_the_content_and_the_version(trusting: Site) -> None:
    status, headers, content = await bundle(trusting, "openssl")
    again, same, nothing = await bundle(trusting, "openssl", if_none_match=headers["etag"])

    assert (status, again, nothing) == (200, 304, b"")
    assert (same["etag"], same["x-trust-version"]) == (headers["etag"], headers["x-trust-version"])

    record = await trusting.upload(pem.encode([ca("Another").der]), service=Service.LWM2M, name="another")
    status, newer, other = await bundle(trusting, "openssl", if_none_match=headers["etag"])

    assert status == 200
    assert other != content
    assert int(newer["x-trust-sequence"]) > int(headers["x-trust-sequence"])
    await trusting.set_status(record, Status.INACTIVE)
    assert (await bundle(trusting, "openssl", if_none_match=newer["etag"]))[0] == 200


async def test_openssl_accepts_the_devices_of_the_dual_bundle_and_no_others(trusting: Site, tmp_path: Path) -> None:
    _, _, content = await bundle(trusting, "openssl")
    (tmp_path / "bundle.pem").write_bytes(content)

    accepted = {name for name in ("d1", "d2", "dj", "x", "expired") if openssl_accepts(tmp_path, name)}

    assert accepted == {"d1", "d2"}


async def test_a_blacklisted_ca_below_an_anchor_is_rejected_by_the_dual_bundle(trusting: Site, tmp_path: Path) -> None:
    chain = pem.encode([fleet().sub.der, fleet().trusted.der, fleet().root.der])
    record = await trusting.upload(chain, service=Service.BOOTSTRAP, name="S")
    await trusting.set_status(record, Status.INACTIVE)
    _, _, content = await bundle(trusting, "openssl")
    (tmp_path / "bundle.pem").write_bytes(content)

    assert openssl_accepts(tmp_path, "d1")
    assert not openssl_accepts(tmp_path, "d2")


def openssl_accepts(folder: Path, name: str) -> bool:
    device = getattr(fleet(), name)
    (folder / "leaf.pem").write_text(pem.encode(device.chain[:1]))
    (folder / "others.pem").write_text(pem.encode(device.chain))
    command = ["openssl", "verify", "-purpose", "sslclient", "-no-CApath", "-no-CAstore"]
    files = ["-CAfile", "bundle.pem", "-untrusted", "others.pem", "leaf.pem"]
    done = subprocess.run([*command, *files], cwd=folder, capture_output=True, check=False)
    return done.returncode == 0


async def test_pkcs7_holds_the_same_certificates(trusting: Site) -> None:
    _, _, content = await bundle(trusting, "p7b")

    loaded = pkcs7.load_der_pkcs7_certificates(content)
    assert {one.public_bytes(Encoding.DER) for one in loaded} == {fleet().trusted.der, placeholder().der}


async def test_a_spiffe_bundle_is_a_key_set_whose_keys_are_those_of_the_certificates(trusting: Site) -> None:
    _, headers, content = await bundle(trusting, "spiffe")

    told = json.loads(content)
    assert told["spiffe_sequence"] == int(headers["x-trust-sequence"])
    for key in told["keys"]:
        (der,) = (base64.b64decode(text) for text in key["x5c"])
        certificate = x509.load_der_x509_certificate(der)
        assert key.pop("use") == "x509-svid"
        read = jwk.JWK.from_json(json.dumps(key)).get_op_key("verify")
        assert read.public_numbers() == certificate.public_key().public_numbers()  # type: ignore[union-attr]


async def test_without_an_anchor_the_placeholder_is_left(site: Site) -> None:
    _, headers, content = await bundle(site, "pem")

    (only,) = pem.tokenise(content.decode())
    assert x509.load_der_x509_certificate(only).subject.rfc4514_string().endswith(NAME)
    assert headers["x-trust-anchors"] == "0"


async def test_a_gateway_is_believed_the_versions_that_there_are(trusting: Site) -> None:
    """Any other is a database's that was restored since, or nobody's: no lag could be told from it."""
    newest = int((await trusting.fetch()).headers["x-trust-version"])

    assert (await trusting.applied(newest)).status_code == 204
    for version in (newest + 1, 10**18 - 1):
        refused = await trusting.applied(version)
        assert (refused.status_code, refused.headers["x-trust-reason"]) == (400, "UNKNOWN_VERSION")

    rows = await gateways(trusting.server.installation.database.reads, trusting.account_id)
    assert [row.applied_version for row in rows] == [newest]


@pytest.mark.parametrize("form", ["", "text", "PKCS12"])
async def test_an_unknown_format_is_400(site: Site, form: str) -> None:
    assert (await bundle(site, form))[0] == 400


def trusted(made: Made) -> Record:
    chain = Chain((made.parsed,), (0,))
    return Record("1", "a", Status.ACTIVE, Service.LWM2M, Usage.THIRD_PARTY_CA, Possession.NOT_REQUIRED, chain)


def test_time_alone_raises_the_sequence() -> None:
    made = make("Short", not_before=NOW, not_after=NOW + timedelta(days=1))
    store = TrustStore([trusted(made)])
    before, during, after = (
        bundle_of(store, Service.LWM2M, version=7, at=NOW + timedelta(hours=hours)) for hours in (-1, 1, 25)
    )

    assert [len(each.anchors) for each in (before, during, after)] == [0, 1, 0]
    assert before.sequence < during.sequence < after.sequence < 8 * SEQUENCE_STEPS
