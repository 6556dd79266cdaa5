"""What a decision about a chain comes to for the device that presents it."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from app.errors import DeviceRefused
from app.reasons import Reason
from app.rules import admission
from app.rules.certificate import ParsedCertificate, parse
from app.rules.chain import Chain
from app.rules.decision import Question
from app.rules.developer_certificate import self_signed
from app.rules.trust import decide
from app.rules.trust_store import Record, TrustStore
from app.terms import Possession, Service, Status, Usage
from tests.rules.authority import AT, make

pytestmark = pytest.mark.once


@pytest.mark.parametrize("text", ["", "x" * 256, "a\nb", "bell\x07", "right\u202eleft"])
def test_an_endpoint_name_that_cannot_be_shown_is_refused(text: str) -> None:
    with pytest.raises(DeviceRefused) as caught:
        admission.require_endpoint_name(text)
    assert caught.value.reason is Reason.ENDPOINT_NAME_INVALID


@pytest.mark.parametrize("text", ["d", "urn:dev:ops:32473-Pump-7", "x" * 255, "Pumpe Zürich"])
def test_other_names_are_taken_as_they_are(text: str) -> None:
    assert admission.require_endpoint_name(text) == text


def test_without_a_name_a_device_is_called_as_its_certificate_says() -> None:
    named = make("urn:dev:7", is_ca=None).parsed
    unnamed = make(x509.Name([]), is_ca=None).parsed

    assert admission.endpoint_name_of(named) == "urn:dev:7"
    assert admission.endpoint_name_of(unnamed) == f"sha256:{unnamed.fingerprint.hex()}"


@pytest.mark.parametrize(("count", "reason"), [(0, Reason.INPUT_EMPTY), (11, Reason.TOO_MANY_CERTIFICATES)])
def test_a_chain_has_one_to_ten_certificates(count: int, reason: Reason) -> None:
    admission.require_few(1)
    admission.require_few(10)
    with pytest.raises(DeviceRefused) as caught:
        admission.require_few(count)
    assert caught.value.reason is reason


def developer(**changed: object) -> tuple[ParsedCertificate, Record]:
    """A developer's certificate, and its record."""
    key = ec.generate_private_key(ec.SECP256R1())
    made = parse(self_signed(key, account_id="a" * 32, certificate_id="b" * 32, serial=7, at=AT))
    fields = {
        "id": "1",
        "name": "developer",
        "status": Status.ACTIVE,
        "service": Service.BOOTSTRAP,
        "usage": Usage.CREDENTIALS,
        "possession": Possession.PROVEN,
        "chain": Chain((made,), (0,)),
        "is_developer": True,
    }
    return made, Record(**(fields | changed))  # type: ignore[arg-type]  # as the fields above


@pytest.mark.parametrize(
    ("changed", "service", "reason"),
    [
        ({}, Service.BOOTSTRAP, Reason.TRUSTED),
        ({}, Service.LWM2M, Reason.WRONG_SERVICE),
        ({"status": Status.INACTIVE}, Service.BOOTSTRAP, Reason.BLACKLISTED),
        ({"is_developer": False}, Service.BOOTSTRAP, Reason.LEAF_IS_CA),
    ],
)
def test_a_developers_device_presents_the_certificate_that_was_made_for_it(
    changed: dict[str, object], service: Service, reason: Reason
) -> None:
    made, record = developer(**changed)

    decision = decide(TrustStore([record]), Question((made,), service, AT))

    assert decision.reason is reason
    assert decision.path == ((made,) if reason is Reason.TRUSTED else ())
