"""Devices are found by what somebody holds of them: their name, or their certificate."""

from dataclasses import dataclass

import pytest

from app.rules import pem
from app.terms import Service
from tests.connecting import Gateway, device
from tests.house import House
from tests.rules.authority import Made, make
from tests.transport.graphql.callers import Caller, Data, pem_of

LIST = """
query Devices($filterBy: DeviceFilter) {
  devices(filterBy: $filterBy) { totalCount edges { node { endpointName } } }
}
"""


@dataclass
class Held:
    """Two devices of one CA, and what is held of the first."""

    admin: Caller
    gateway: Gateway
    ca: Made
    pump: Made

    async def found(self, **wanted: Data) -> list[str]:
        """The names of the devices that match."""
        page = (await self.admin(LIST, filterBy=wanted))["devices"]
        assert page["totalCount"] == len(page["edges"])
        return [edge["node"]["endpointName"] for edge in page["edges"]]


@pytest.fixture
async def held(house: House, admin: Caller) -> Held:
    """A pump and a valve that came in."""
    ca = make("I")
    await admin.upload("I", ca)
    held = Held(admin, Gateway(house, admin.account_id), ca, device("pump", ca))
    await held.gateway.let_in(held.pump, name="urn:pump")
    await held.gateway.let_in(device("pump", ca), name="urn:pump:2")
    await held.gateway.flush()
    return held


async def test_by_its_name_and_by_no_beginning_of_it(held: Held) -> None:
    assert await held.found(endpointName="urn:pump") == ["urn:pump"]
    assert await held.found(endpointName="urn:") == []
    assert await held.found(endpointName="") == []
    assert await held.found(endpointName="x" * 255) == []
    assert await held.admin.refusal(LIST, filterBy={"endpointName": "x" * 256}) == "BAD_USER_INPUT"


async def test_by_its_certificate_as_pem_as_der_and_before_a_whole_chain(held: Held) -> None:
    for source in ({"pem": pem_of(held.pump)}, {"der": der_of(held.pump)}, {"pem": pem_of(held.pump, held.ca)}):
        assert await held.found(certificate=source) == ["urn:pump"]
    assert await held.found(certificate={"pem": pem_of(held.ca)}) == []
    assert await held.found(certificate={"pem": pem_of(held.pump)}, endpointName="urn:pump:2") == []


async def test_by_the_certificate_of_before_a_renewal_and_by_that_of_either_server(held: Held) -> None:
    renewed = make("pump", issuer=held.ca, key=held.pump.key, serial=7, is_ca=None, key_usage=("digital_signature",))
    await held.gateway.let_in(renewed, name="urn:pump")
    lwm2m_ca = make("J")
    await held.admin.upload("J", lwm2m_ca, usage="THIRD_PARTY_CA", service="LWM2M")
    registered = device("pump", lwm2m_ca)
    await held.gateway.let_in(registered, service=Service.LWM2M, name="urn:pump")
    await held.gateway.flush()

    for made in (held.pump, renewed, registered):
        assert await held.found(certificate={"pem": pem_of(made)}) == ["urn:pump"]


async def test_of_another_account_it_is_not_found(held: Held, stranger: Caller) -> None:
    wanted = {"certificate": {"pem": pem_of(held.pump)}}
    assert (await stranger(LIST, filterBy=wanted))["devices"] == {"totalCount": 0, "edges": []}


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ({"pem": ""}, "INPUT_EMPTY"),
        ({"pem": "-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----\n"}, "PRIVATE_KEY_PRESENT"),
        ({"pem": pem.encode([b"0\x000\x00"])}, "CERT_UNPARSEABLE"),
    ],
)
async def test_what_is_no_certificate_is_refused(held: Held, source: Data, code: str) -> None:
    result = await held.admin.execute(LIST, filterBy={"certificate": source})
    assert result.errors is not None
    (error,) = result.errors
    assert (error.extensions or {})["code"] == "BAD_USER_INPUT"
    assert error.message == f"`certificate` is none that can be read ({code}): send the device's own."


def der_of(made: Made) -> str:
    """A certificate as Base64."""
    return "".join(pem.encode([made.der]).splitlines()[1:-1])
