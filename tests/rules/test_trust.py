"""Whom an account's records let in: anchors, services, proofs of possession, and what completes a path."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from app.reasons import Reason
from app.rules.certificate import ParsedCertificate
from app.terms import Possession, Service, Status, Usage
from tests.rules.authority import AT, chain_of_three, make
from tests.rules.deciding import blacklisted, decided, device, record

pytestmark = pytest.mark.once


def names(certificates: Sequence[ParsedCertificate]) -> list[str]:
    return [certificate.subject_text for certificate in certificates]


def test_a_device_of_a_trusted_ca_is_let_in() -> None:
    """Device <- Fleet (trusted) <- Middle <- Root: the path ends at Fleet."""
    root, middle, fleet = chain_of_three()
    trusting = record(fleet, middle, root, name="plant 7")

    decision = decided([trusting], device(fleet))

    assert decision.reason is Reason.TRUSTED
    assert decision.is_allowed
    assert decision.records == (trusting,)
    assert names(decision.path) == ["CN=urn:device:1", "CN=Fleet CA"]
    assert decision.explanation == "A valid path leads to “plant 7”, which the account trusts for BOOTSTRAP."


def test_a_device_below_a_ca_that_it_presents_is_let_in() -> None:
    """Device <- Line <- Plant <- Fleet (trusted), presented in any order, with or without what stands above Fleet."""
    root, middle, fleet = chain_of_three()
    plant = make("Plant CA", issuer=fleet)
    line = make("Line CA", issuer=plant)
    mine = device(line)

    for cas in ([line, plant], [plant, line], [root, plant, fleet, line], [line, line, middle, plant]):
        decision = decided([record(fleet, middle, root)], mine, *cas)
        assert names(decision.path) == ["CN=urn:device:1", "CN=Line CA", "CN=Plant CA", "CN=Fleet CA"]


def test_the_root_of_a_record_is_no_anchor() -> None:
    """Fleet (trusted) and Sibling stand below one Root: whoever buys from Sibling gets no device in."""
    root = make("Root CA")
    fleet, sibling = make(issuer=root), make("Sibling CA", issuer=root)

    decision = decided([record(fleet, root)], device(sibling), sibling, root)

    assert decision.reason is Reason.NO_TRUST_PATH
    assert names(decision.tried[0].certificates) == ["CN=urn:device:1", "CN=Sibling CA", "CN=Root CA"]
    assert decision.explanation == 'The chain ends in "CN=Root CA", and the account trusts none of its CAs.'


def test_a_device_that_hides_an_intermediate_is_told_whose_certificate_is_missing() -> None:
    """Device <- Line <- Fleet (trusted), and Line is neither presented nor remembered."""
    fleet = make()
    line = make("Line CA", issuer=fleet)

    decision = decided([record(fleet)], device(line))

    assert decision.reason is Reason.NO_TRUST_PATH
    assert decision.explanation == (
        'The certificate of "CN=Line CA", which issued "CN=urn:device:1", is unknown here: the account does not trust '
        "it, and the device does not present it."
    )


def test_the_missing_issuer_is_that_of_the_last_known_certificate() -> None:
    root, middle, fleet = chain_of_three()

    decision = decided([record(root)], device(fleet), fleet)

    assert decision.reason is Reason.NO_TRUST_PATH
    assert 'The certificate of "CN=Middle CA", which issued "CN=Fleet CA"' in decision.explanation
    assert middle.parsed not in decision.tried[0].certificates


def test_a_root_with_two_certificates_is_an_end_all_the_same() -> None:
    """Device <- Sibling <- Root, old and new, each of which may have signed the other; Fleet alone is trusted."""
    old = make("Root CA")
    new = make("Root CA", key=old.key, serial=2)
    fleet, sibling = make(issuer=old), make("Sibling CA", issuer=old)

    decision = decided([record(fleet, old)], device(sibling), sibling, new)

    assert decision.reason is Reason.NO_TRUST_PATH
    assert decision.explanation == 'The chain ends in "CN=Root CA", and the account trusts none of its CAs.'


def test_an_account_without_records_lets_nobody_in() -> None:
    fleet = make()

    assert decided([], device(fleet), fleet).reason is Reason.NO_TRUST_PATH


def test_a_strangers_ca_of_a_trusted_name_lets_nobody_in() -> None:
    """The name is Fleet's and the key is not, whether the stranger presents a certificate or none."""
    fleet, stranger = make(), make()
    forged = device(stranger)

    assert decided([record(fleet)], forged, stranger).reason is Reason.NO_TRUST_PATH
    assert decided([record(fleet)], forged).reason is Reason.NO_TRUST_PATH


def test_a_ca_of_the_other_service_is_named() -> None:
    fleet = make()
    elsewhere = record(fleet, name="plant 7", service=Service.LWM2M)

    decision = decided([elsewhere], device(fleet))

    assert decision.reason is Reason.WRONG_SERVICE
    assert decision.records == (elsewhere,)
    assert decision.explanation == "“plant 7” is trusted for LWM2M, and this is BOOTSTRAP."
    assert decided([elsewhere], device(fleet), service=Service.LWM2M).is_allowed


def test_a_ca_whose_possession_is_pending_is_no_anchor() -> None:
    fleet = make()
    unproven = record(fleet, name="plant 7", possession=Possession.PENDING)

    decision = decided([unproven], device(fleet))

    assert decision.reason is Reason.POSSESSION_PENDING
    assert decision.records == (unproven,)
    assert decision.explanation == ("“plant 7” would let the device in, and possession of its key is not proven yet.")
    assert decided([unproven], device(fleet), service=Service.LWM2M).reason is Reason.NO_TRUST_PATH


@pytest.mark.parametrize("possession", [Possession.NOT_REQUIRED, Possession.PROVEN])
def test_a_ca_whose_possession_is_proven_or_not_asked_for_is_an_anchor(possession: Possession) -> None:
    fleet = make()

    assert decided([record(fleet, possession=possession)], device(fleet)).is_allowed


def test_an_anchor_goes_before_the_other_service_and_that_before_a_pending_proof() -> None:
    """Device <- Line <- Fleet: each of the two may have records of its own."""
    fleet = make()
    line = make("Line CA", issuer=fleet)
    pending = record(line, fleet, possession=Possession.PENDING)
    elsewhere = record(line, fleet, service=Service.LWM2M)
    anchor = record(fleet)

    assert decided([pending], device(line)).reason is Reason.POSSESSION_PENDING
    assert decided([pending, elsewhere], device(line)).reason is Reason.WRONG_SERVICE
    assert decided([pending, elsewhere, anchor], device(line)).records == (anchor,)


def test_an_unproven_record_of_the_other_service_is_no_reason() -> None:
    fleet = make()
    unproven = record(fleet, service=Service.LWM2M, possession=Possession.PENDING)

    assert decided([unproven], device(fleet)).reason is Reason.NO_TRUST_PATH


def test_the_records_chains_complete_a_path_whatever_their_status() -> None:
    """Device <- Line <- Fleet (trusted): Line is known as the upper of an unproven record, and of a disabled one."""
    fleet = make()
    line = make("Line CA", issuer=fleet)
    cell = make("Cell CA", issuer=line)

    for known in (
        record(cell, line, possession=Possession.PENDING),
        record(cell, line, service=Service.LWM2M),
        record(cell, line, status=Status.INACTIVE),
    ):
        assert decided([record(fleet), known], device(line)).is_allowed


def test_a_remembered_intermediate_completes_a_path() -> None:
    """Device <- Line (remembered) <- Fleet (trusted): a terminator that hands on the device's certificate alone."""
    fleet = make()
    line = make("Line CA", issuer=fleet)

    decision = decided([record(fleet)], device(line), remembered=[line])

    assert names(decision.path) == ["CN=urn:device:1", "CN=Line CA", "CN=Fleet CA"]


def test_a_remembered_intermediate_is_never_an_anchor() -> None:
    fleet = make()
    line = make("Line CA", issuer=fleet)

    for remembered in ([line], [line, fleet]):
        assert decided([], device(line), remembered=remembered).reason is Reason.NO_TRUST_PATH


def test_a_presented_ca_is_never_an_anchor() -> None:
    root, middle, fleet = chain_of_three()

    assert decided([record(make("Other CA"))], device(fleet), fleet, middle, root).reason is Reason.NO_TRUST_PATH


def test_a_renewal_that_was_not_uploaded_is_no_anchor() -> None:
    """Who trusts one certificate of a CA has not accepted the dates of another; the one accepted decides."""
    old = make()
    renewed = make(key=old.key, serial=2)

    decision = decided([record(old)], device(renewed), renewed)

    assert decision.path[-1] == old.parsed


def test_what_blocks_elsewhere_does_not_matter() -> None:
    fleet = make()

    assert decided([blacklisted(make("Other CA")), record(fleet)], device(fleet)).is_allowed


def test_the_path_of_a_refusal_is_empty_and_the_deciding_one_is_told() -> None:
    """Device <- Fleet (trusted) where Fleet may sign nothing."""
    fleet = make(key_usage=("crl_sign",))

    decision = decided([record(fleet)], device(fleet))

    assert decision.path == ()
    assert decision.tried[0].flaw is not None
    assert decision.tried[0].flaw.reason is decision.reason is Reason.CA_KEY_USAGE
    assert names(decision.tried[0].certificates) == ["CN=urn:device:1", "CN=Fleet CA"]


def test_a_good_path_is_found_beside_broken_ones_and_told_first() -> None:
    """Device <- Fleet in two certificates, both trusted: the first may not sign."""
    broken = make(key_usage=("crl_sign",))
    good = make(key=broken.key, serial=2)

    decision = decided([record(broken), record(good)], device(good))

    assert decision.path == (decision.question.device, good.parsed)
    assert [tried.flaw and tried.flaw.reason for tried in decision.tried] == [None, Reason.CA_KEY_USAGE]


@pytest.mark.parametrize("is_good", [True, False])
def test_a_path_that_asks_for_no_claim_goes_before_one_that_does(is_good: bool) -> None:
    """Device <- Supplier (ENROLLMENT); Supplier <- Own (trusted for every device), unless Own may not sign."""
    own = make("Own CA", key_usage=None if is_good else ("crl_sign",))
    supplier = make("Supplier CA")
    crossed = make("Supplier CA", key=supplier.key, issuer=own, serial=2)
    claiming = replace(record(supplier), usage=Usage.ENROLLMENT)
    records = [claiming, record(own)]

    decision = decided(records, device(supplier), crossed)

    assert decision.reason is Reason.TRUSTED
    assert decision.records == (records[1] if is_good else claiming,)
    assert len(decision.tried) == (1 if is_good else 2)
    assert decided([claiming], device(supplier), crossed).records == (claiming,)


def test_a_path_that_leads_to_no_anchor_is_not_what_is_told() -> None:
    """Device <- Line <- Root (trusted, and may not sign); Line <- Stranger besides, in certificates that expired."""
    root, stranger = make("Root CA", key_usage=("crl_sign",)), make("Stranger CA")
    line = make("Line CA", issuer=root)
    gone = [make("Line CA", key=line.key, issuer=stranger, serial=serial, not_after=AT) for serial in range(1, 9)]

    decision = decided([record(root)], device(line), line, stranger, *gone, at=AT + timedelta(days=1))

    assert decision.reason is Reason.CA_KEY_USAGE
    assert len(decision.tried) == 1
