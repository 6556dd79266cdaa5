"""The words of a record."""

import pytest

from app.errors import CertificateRejected
from app.rules import upload
from app.rules.lifecycle import initial_possession
from app.terms import Possession, Service, Status, Usage


def test_values_are_their_names() -> None:
    for terms in (Usage, Service, Status, Possession):
        assert all(term.value == term.name for term in terms)


@pytest.mark.parametrize("usage", Usage)
def test_only_credentials_are_ever_asked_to_prove_possession(usage: Usage) -> None:
    asked = Possession.PENDING if usage is Usage.CREDENTIALS else Possession.NOT_REQUIRED

    assert initial_possession(usage, require_possession=True) is asked
    assert initial_possession(usage, require_possession=False) is Possession.NOT_REQUIRED


ALLOWED = {
    (Usage.CREDENTIALS, Service.BOOTSTRAP),
    (Usage.CREDENTIALS, Service.LWM2M),
    (Usage.ENROLLMENT, Service.BOOTSTRAP),
    (Usage.THIRD_PARTY_CA, Service.LWM2M),
}


@pytest.mark.parametrize("service", Service)
@pytest.mark.parametrize("usage", Usage)
def test_a_usage_goes_with_its_service(usage: Usage, service: Service) -> None:
    if (usage, service) in ALLOWED:
        upload.require_service(usage, service)
        return
    with pytest.raises(CertificateRejected) as refused:
        upload.require_service(usage, service)

    assert refused.value.recorded_code == "USAGE_SERVICE_MISMATCH"
    assert refused.value.path == ("service",)
