"""A blacklisted CA anywhere above a device refuses it, whatever else would let it in."""

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from app.reasons import Reason
from app.rules.der import children, read
from app.terms import Possession, Service
from tests.rules.authority import AT, Made, chain_of_three, make, rebuild, tlv
from tests.rules.deciding import blacklisted, decided, device, record
from tests.rules.flaws import explicit_curve

pytestmark = pytest.mark.once

ORDER_OF_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def malleated(made: Made) -> Made:
    """The same certificate by name, key and contents, with the other signature (r, n-s) that verifies as well."""
    tbs, algorithm, signature = (part for part in children(made.der, read(made.der, 0)))
    r, s = decode_dss_signature(signature.inner(made.der)[1:])
    other = encode_dss_signature(r, ORDER_OF_P256 - s)
    whole = tbs.whole(made.der) + algorithm.whole(made.der)
    return Made(tlv(0x30, whole, tlv(0x03, b"\x00", other)), made.key)


@pytest.mark.parametrize("service", Service)
@pytest.mark.parametrize("of_record", Service)
def test_a_device_of_a_blacklisted_ca_is_refused_at_both_services(service: Service, of_record: Service) -> None:
    fleet = make()
    blocking = blacklisted(fleet, service=of_record)

    decision = decided([blocking], device(fleet), service=service)

    assert decision.reason is Reason.BLACKLISTED
    assert decision.records == (blocking,)
    assert decision.explanation == "A blacklisted CA stands above the device: “CN=Fleet CA”."


def test_a_blacklisted_ca_blocks_although_another_path_is_fine() -> None:
    """Device <- Fleet <- Good Root (trusted), and Fleet <- Bad Root (blacklisted): one key, two certificates."""
    good, bad = make("Good Root"), make("Bad Root")
    fleet = make(issuer=good)
    crossed = make(issuer=bad, key=fleet.key)
    mine = device(fleet)

    assert decided([record(good)], mine, fleet, crossed).is_allowed
    decision = decided([record(good), blacklisted(bad)], mine, fleet, crossed)

    assert decision.reason is Reason.BLACKLISTED
    assert [each.subject_text for each in decision.tried[0].certificates] == [
        "CN=urn:device:1",
        "CN=Fleet CA",
        "CN=Bad Root",
    ]


def test_a_trusted_ca_below_does_not_outweigh_a_blacklisted_one_above() -> None:
    """Device <- Fleet (trusted) <- Middle (blacklisted in another record) <- Root."""
    root, middle, fleet = chain_of_three()

    decision = decided([record(fleet, middle, root), blacklisted(middle, root)], device(fleet))

    assert decision.reason is Reason.BLACKLISTED


def test_a_blacklisted_ca_below_a_trusted_one_blocks() -> None:
    """Device <- Fleet (blacklisted) <- Middle <- Root (trusted)."""
    root, middle, fleet = chain_of_three()

    decision = decided([record(root), blacklisted(fleet, middle, root)], device(fleet), fleet, middle)

    assert decision.reason is Reason.BLACKLISTED


def test_the_uppers_of_a_blacklisted_record_do_not_block() -> None:
    """Device <- Other <- Middle <- Root; blacklisted is Fleet, whose uppers are Middle and Root."""
    root, middle, fleet = chain_of_three()
    other = make("Other CA", issuer=middle)

    decision = decided([blacklisted(fleet, middle, root), record(other, middle, root)], device(other))

    assert decision.is_allowed


def test_every_blocking_record_is_named() -> None:
    """Device <- Fleet <- Middle <- Root: two of the three are blacklisted, one of them for both services."""
    root, middle, fleet = chain_of_three()
    blocking = [
        blacklisted(middle, root, name="plant 7"),
        blacklisted(fleet, middle, root, name="the old fleet"),
        blacklisted(fleet, middle, root, name="the old fleet, again", service=Service.LWM2M),
    ]

    decision = decided([record(root), *blocking], device(fleet), fleet)

    assert set(decision.records) == set(blocking)
    assert all(f"“{each.name}”" in decision.explanation for each in blocking)


def test_a_renewal_of_a_blacklisted_ca_is_blocked_too() -> None:
    """The same name and key in a certificate with another serial number and other dates."""
    old = make()
    renewed = make(key=old.key, serial=2, not_after=AT + timedelta(days=7000))

    decision = decided([blacklisted(old), record(renewed)], device(renewed), renewed)

    assert decision.reason is Reason.BLACKLISTED


def test_a_blacklisted_ca_is_no_device_either() -> None:
    """Its name and key in a certificate that says it is no CA, from a trusted Root: nothing stands between the two."""
    root = make("Root CA")
    fleet = make(issuer=root)
    disguised = device(root, subject="Fleet CA", key=fleet.key)

    assert decided([record(root)], disguised).is_allowed
    assert decided([record(root), blacklisted(fleet, root)], disguised).reason is Reason.BLACKLISTED


def test_another_key_under_the_name_of_a_blacklisted_ca_is_not_blocked() -> None:
    old, new = make(), make()

    assert decided([blacklisted(old), record(new)], device(new)).is_allowed


def test_the_key_of_a_blacklisted_ca_under_another_name_is_another_ca() -> None:
    old = make()
    new = make("Other CA", key=old.key)

    assert decided([blacklisted(old), record(new)], device(new)).is_allowed


def test_a_blacklisted_ca_blocks_in_the_disguise_of_another_signature() -> None:
    """Anybody can write (r, n-s) for (r, s): another fingerprint, the same CA."""
    root = make("Root CA")
    fleet = make(issuer=root)
    disguised = malleated(fleet)
    assert disguised.parsed.fingerprint != fleet.parsed.fingerprint

    for presented, listed in [(disguised, fleet), (fleet, disguised)]:
        decision = decided([blacklisted(listed, root), record(root)], device(fleet), presented)
        assert decision.reason is Reason.BLACKLISTED
    assert decided([record(root)], device(fleet), disguised).is_allowed


def test_an_expired_cross_certificate_does_not_hide_a_blacklisted_ca() -> None:
    """Device <- Fleet <- Good Root (trusted); Fleet <- Bad Root (blacklisted) is expired, as Bad Root is itself."""
    gone = AT - timedelta(days=1)
    good, bad = make("Good Root"), make("Bad Root", not_after=gone)
    fleet = make(issuer=good)
    crossed = make(issuer=bad, key=fleet.key, not_after=gone)

    decision = decided([record(good), blacklisted(bad)], device(fleet), fleet, crossed)

    assert decision.reason is Reason.BLACKLISTED


@pytest.mark.parametrize(
    "flaw", [{"path_length": 0}, {"key_usage": ("crl_sign",)}, {"is_ca": False}], ids=["pathLen", "usage", "no CA"]
)
def test_limits_do_not_hide_a_blacklisted_ca(flaw: dict[str, object]) -> None:
    """Device <- Fleet <- Middle <- Bad Root (blacklisted), where Middle may not sign Fleet; Fleet is trusted."""
    bad = make("Bad Root")
    middle = make("Middle CA", issuer=bad, **flaw)  # type: ignore[arg-type]
    fleet = make(issuer=middle)

    decision = decided([record(fleet, middle, bad), blacklisted(bad)], device(fleet))

    assert decision.reason is Reason.BLACKLISTED


def test_a_blacklisted_ca_blocks_whether_or_not_its_possession_is_proven() -> None:
    fleet = make()

    assert decided([blacklisted(fleet, possession=Possession.PENDING)], device(fleet)).reason is Reason.BLACKLISTED


def test_a_remembered_intermediate_shows_the_way_to_a_blacklisted_ca() -> None:
    """Device <- Fleet (trusted) <- Middle (remembered) <- Bad Root (blacklisted)."""
    bad = make("Bad Root")
    middle = make("Middle CA", issuer=bad)
    fleet = make(issuer=middle)
    records = [record(fleet), blacklisted(bad)]

    assert decided(records, device(fleet)).is_allowed
    assert decided(records, device(fleet), remembered=[middle]).reason is Reason.BLACKLISTED


def test_a_remembered_ca_that_is_blacklisted_blocks() -> None:
    """Device <- Fleet (remembered, and blacklisted) <- Root (trusted)."""
    root = make("Root CA")
    fleet = make(issuer=root)

    decision = decided([record(root), blacklisted(fleet, root)], device(fleet), remembered=[fleet])

    assert decision.reason is Reason.BLACKLISTED


def test_a_name_without_the_signature_blocks_nobody() -> None:
    """Device <- Fleet (trusted); a stranger's CA of the same name is blacklisted, and did not sign the device."""
    fleet, stranger = make(), make()

    assert decided([record(fleet), blacklisted(stranger)], device(fleet), stranger).is_allowed


MD5_RSA = bytes.fromhex("300d06092a864886f70d0101040500")


@pytest.mark.parametrize(
    ("unverifiable", "spki"),
    [({"algorithm": MD5_RSA}, {}), ({}, {"spki": explicit_curve()})],
    ids=["an algorithm that is not verified", "a key that is not used"],
)
def test_a_signature_that_cannot_be_verified_is_none(unverifiable: dict[str, bytes], spki: dict[str, bytes]) -> None:
    """Device <- Line, which says that Fleet signed it: Fleet neither lets it in, nor blocks it."""
    good = make()
    fleet = rebuild(good, good.key, **spki)  # type: ignore[arg-type]
    whole = make("Line CA", issuer=good)
    line = rebuild(whole, good.key, **unverifiable)  # type: ignore[arg-type]
    other = make("Line CA", key=line.key)

    assert decided([record(fleet)], device(line), line).reason is Reason.NO_TRUST_PATH
    assert decided([blacklisted(fleet), record(other)], device(line), line).is_allowed


def test_a_device_with_its_own_flaw_is_told_that_first() -> None:
    fleet = make()
    expired = device(fleet, not_after=AT - timedelta(days=1))

    assert decided([blacklisted(fleet)], expired).reason is Reason.CERT_EXPIRED


def test_the_key_of_a_malleable_signature_is_on_the_expected_curve() -> None:
    """`malleated` writes down the order of P-256: the copies above verify only if it is right."""
    fleet = make()
    assert isinstance(fleet.key, ec.EllipticCurvePrivateKey)
    assert malleated(malleated(fleet)).der == fleet.der
    assert malleated(fleet).parsed.is_self_signed
