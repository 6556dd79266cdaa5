"""A preview says what an upload would do, and does nothing."""

from datetime import timedelta
from typing import Any

import pytest

from app.actor import Role, command_line
from app.services.accounts import Feature, SetAccountFeature, SetAccountLimit
from tests.house import House
from tests.rules.authority import AT, chain_of_three, make
from tests.transport.graphql.callers import UPLOAD, Caller, Data, pem_of
from tests.transport.graphql.furnished import renewals

PREVIEW = """
query Preview($input: PreviewCertificateInput!) {
  previewCertificate(input: $input) {
    acceptable possession
    chain { subject }
    findings { severity code chainIndex relatedCertificate { name } }
    duplicateOf { name service }
    quota { limit used remaining }
  }
}
"""


async def preview(caller: Caller, pem: str, usage: str = "ENROLLMENT", **more: Data) -> Data:
    data = await caller(PREVIEW, input={"source": {"pem": pem}, "usage": usage} | more)
    return data["previewCertificate"]


def codes(seen: Data) -> list[tuple[str, str]]:
    return [(finding["severity"], finding["code"]) for finding in seen["findings"]]


async def test_a_good_chain_is_shown_in_its_order(admin: Caller) -> None:
    root, middle, ca = chain_of_three()
    seen = await preview(admin, pem_of(middle, root, ca))
    assert seen["acceptable"]
    assert [each["subject"] for each in seen["chain"]] == ["CN=Fleet CA", "CN=Middle CA", "CN=Root CA"]
    assert codes(seen) == [("WARNING", "ORDER_NORMALISED")]
    assert seen["quota"] == {"limit": 50, "used": 0, "remaining": 50}
    assert seen["duplicateOf"] is None


async def test_errors_come_before_warnings(admin: Caller) -> None:
    soon, expired = AT + timedelta(days=1), AT - timedelta(days=1)
    root = make("Root", not_after=soon)
    seen = await preview(
        admin, pem_of(root, make("Fleet", issuer=root, not_after=expired)), "THIRD_PARTY_CA", service="BOOTSTRAP"
    )
    assert not seen["acceptable"]
    assert codes(seen) == [("ERROR", "CERT_EXPIRED"), ("ERROR", "USAGE_SERVICE_MISMATCH"), ("WARNING", "EXPIRES_SOON")]


async def test_what_makes_no_chain_shows_none(admin: Caller) -> None:
    for pem in ("", "no pem", pem_of(make("device", is_ca=False))):
        seen = await preview(admin, pem)
        assert (seen["acceptable"], seen["chain"]) == (False, [])
        assert seen["findings"][0]["severity"] == "ERROR"


async def test_a_duplicate_is_one_for_the_same_service(admin: Caller) -> None:
    ca = make()
    await admin.upload("there", ca, usage="CREDENTIALS")
    same = await preview(admin, pem_of(ca), "CREDENTIALS", service="BOOTSTRAP")
    assert (same["acceptable"], same["duplicateOf"]) == (False, {"name": "there", "service": "BOOTSTRAP"})
    other = await preview(admin, pem_of(ca), "CREDENTIALS", service="LWM2M")
    assert (other["acceptable"], other["duplicateOf"]) == (True, None)


@pytest.mark.parametrize(
    ("usage", "implied"), [("ENROLLMENT", "BOOTSTRAP"), ("CREDENTIALS", "BOOTSTRAP"), ("THIRD_PARTY_CA", "LWM2M")]
)
async def test_without_a_service_the_usage_implies_it(admin: Caller, usage: str, implied: str) -> None:
    ca = make()
    assert (await preview(admin, pem_of(ca), usage))["acceptable"]
    await admin.upload("there", ca, usage=usage, service=implied)
    assert (await preview(admin, pem_of(ca), usage))["duplicateOf"] == {"name": "there", "service": implied}


async def test_a_renewal_is_told_as_one(admin: Caller) -> None:
    old, new = renewals("Fleet CA")
    await admin.upload("old", old)
    seen = await preview(admin, pem_of(new))
    assert seen["acceptable"]
    assert [(each["code"], each["relatedCertificate"]) for each in seen["findings"]] == [
        ("SAME_KEY_AS", {"name": "old"})
    ]


async def test_a_full_account_accepts_nothing(house: House, admin: Caller) -> None:
    await admin.upload("there")
    await house.perform(command_line(admin.account_id, "root"), SetAccountLimit(admin.account_id, 1))
    seen = await preview(admin, pem_of(make()))
    assert (seen["acceptable"], seen["findings"]) == (False, [])
    assert seen["quota"] == {"limit": 1, "used": 1, "remaining": 0}


async def test_possession_depends_on_the_usage_and_the_account(house: House, admin: Caller) -> None:
    pem = pem_of(make())
    assert (await preview(admin, pem, "CREDENTIALS"))["possession"] == "PENDING"
    assert (await preview(admin, pem, "ENROLLMENT"))["possession"] == "NOT_REQUIRED"
    off = SetAccountFeature(admin.account_id, Feature.REQUIRE_POSSESSION, enabled=False)
    await house.perform(command_line(admin.account_id, "root"), off)
    assert (await preview(admin, pem, "CREDENTIALS"))["possession"] == "NOT_REQUIRED"


async def test_a_preview_stores_nothing_and_leaves_no_entry(house: House, admin: Caller) -> None:
    viewer = await admin.key(Role.VIEWER)
    before = await house.log_of(admin.account_id)
    await preview(viewer, pem_of(make()))
    assert await house.log_of(admin.account_id) == before


SOURCES: list[tuple[dict[str, Any], bool]] = [
    ({"usage": "ENROLLMENT"}, True),
    ({"usage": "THIRD_PARTY_CA", "service": "LWM2M"}, True),
    ({"usage": "THIRD_PARTY_CA", "service": "BOOTSTRAP"}, False),
    ({"usage": "ENROLLMENT", "service": "LWM2M"}, False),
    ({"usage": "CREDENTIALS", "service": "LWM2M"}, True),
]


@pytest.mark.parametrize(("asked", "expected"), SOURCES)
async def test_what_a_preview_accepts_an_upload_accepts(admin: Caller, asked: dict[str, Any], expected: bool) -> None:
    source = {"source": {"pem": pem_of(make())}}
    seen = (await admin(PREVIEW, input=source | asked))["previewCertificate"]
    done = (await admin(UPLOAD, input={"name": "fleet"} | source | asked))["uploadCertificate"]
    assert seen["acceptable"] is expected
    assert (done["errors"] == []) is expected


async def test_a_large_chain_is_judged_as_a_small_one(admin: Caller) -> None:
    """What is examined in a thread is examined in the same way."""
    below = make("Root 0")
    chain = [below]
    for number in range(1, 10):
        below = make(f"CA {number} " + "x" * 50, issuer=below)
        chain.append(below)
    pem = pem_of(*reversed(chain))
    assert len(pem) > 4096
    seen = await preview(admin, pem)
    assert seen["acceptable"]
    assert len(seen["chain"]) == 10
