"""Intermediates that are brought ahead of the devices, through the API."""

from base64 import b64encode

import pytest

from tests.connecting import Gateway, device
from tests.house import House
from tests.rules.authority import Made, make
from tests.transport.graphql.callers import Caller, Data, pem_of

REMEMBER = """
mutation Remember($input: RememberIntermediatesInput!) {
  rememberIntermediates(input: $input) {
    fingerprints
    errors { ... on UserError { code message path } ... on CertificateRejectedError { findings { code } } }
    auditEntry { id action outcome code }
  }
}
"""


async def remember(caller: Caller, source: Data, **more: Data) -> Data:
    return (await caller(REMEMBER, input={"source": source, **more}))["rememberIntermediates"]


def sources(sub: Made) -> list[Data]:
    return [{"pem": pem_of(sub)}, {"der": b64encode(sub.der).decode()}]


@pytest.mark.parametrize("form", [0, 1], ids=["pem", "der"])
async def test_a_device_that_presents_itself_alone_comes_in_afterwards(house: House, admin: Caller, form: int) -> None:
    ca = make("I")
    sub = make("S", issuer=ca)
    await admin.upload("fleet", ca)
    gateway, pump = Gateway(house, admin.account_id), device("pump", sub)
    await gateway.claim(pump)
    assert (await gateway.ask(pump)).device_id is None

    done = await remember(admin, sources(sub)[form])

    assert (done["fingerprints"], done["errors"]) == ([sub.parsed.fingerprint.hex()], [])
    assert (done["auditEntry"]["action"], done["auditEntry"]["outcome"]) == ("INTERMEDIATES_REMEMBER", "SUCCEEDED")
    assert (await gateway.ask(pump)).device_id is not None
    await gateway.flush()


async def test_a_repetition_is_answered_as_the_first_time(admin: Caller) -> None:
    ca = make("I")
    await admin.upload("fleet", ca)
    source = {"pem": pem_of(make("S", issuer=ca))}

    first = await remember(admin, source, idempotencyKey="once")
    again = await remember(admin, source, idempotencyKey="once")

    assert again == first
    assert first["errors"] == []


async def test_what_is_none_is_refused_as_data(admin: Caller) -> None:
    refused = [
        await remember(admin, source)
        for source in ({"pem": pem_of(make("Stranger"))}, {"pem": "none"}, {"der": "MAA="})
    ]

    found = [finding["code"] for one in refused for error in one["errors"] for finding in error["findings"]]
    assert found == ["CHAIN_INCOMPLETE", "NOT_PEM", "CERT_UNPARSEABLE"]
    assert {one["auditEntry"]["outcome"] for one in refused} == {"REFUSED"}
    assert all(one["fingerprints"] == [] for one in refused)
