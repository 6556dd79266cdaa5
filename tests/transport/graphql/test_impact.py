"""Previewing a change of certificates, and requiring what the preview said."""

from hashlib import sha256
from typing import Any

import pytest

from app.actor import command_line
from app.services.accounts import SetAccountLimit
from app.services.devices import SuspendDevice
from app.services.enrollments import ReleaseEnrollment
from app.terms import Service
from app.transport.graphql.masking import field_errors
from tests.connecting import Gateway, device, may_suspend
from tests.enrolling import held_claim
from tests.house import House
from tests.rules.authority import Made, make
from tests.transport.graphql.callers import Caller, Data, pem_of

PREVIEW = """query Preview($input: PreviewCertificateChangeInput!) {
  previewCertificateChange(input: $input) {
    losingCount gainingCount movingCount unchangedCount unknownCount effectCount token
    effects {
      service before after deviceCount certificateBefore { name } certificateAfter { name }
      devices(first: 5) { totalCount edges { node { endpointName } } }
    }
  }
}"""
SET = """mutation Set($input: SetCertificateStatusInput!) {
  setCertificateStatus(input: $input) {
    certificate { status }
    errors { __typename ... on UserError { code path }
      ... on VersionConflictError { current { name } impact { losingCount token } } }
  }
}"""
DELETE = """mutation Delete($input: DeleteCertificateInput!) {
  deleteCertificate(input: $input) {
    deletedId
    errors { ... on UserError { code path }
      ... on VersionConflictError { current { name } impact { losingCount gainingCount token } } }
  }
}"""
UPLOAD = """mutation Upload($input: UploadCertificateInput!) {
  uploadCertificate(input: $input) {
    certificate { id }
    errors { ... on UserError { code path }
      ... on VersionConflictError { current { name } impact { losingCount gainingCount token } } }
  }
}"""


async def trust(caller: Caller, name: str, *chain: Made) -> str:
    """A record of the LwM2M service; its id."""
    given = {"name": name, "source": {"pem": pem_of(*chain)}, "usage": "THIRD_PARTY_CA", "service": "LWM2M"}
    made = (await caller(UPLOAD, input=given))["uploadCertificate"]
    identity: str = made["certificate"]["id"]
    return identity


@pytest.fixture
def gateway(house: House, admin: Caller) -> Gateway:
    return Gateway(house, admin.account_id)


async def preview(caller: Caller, **change: Any) -> Data:
    found: Data = (await caller(PREVIEW, input=change))["previewCertificateChange"]
    return found


async def test_a_blacklisting_is_previewed_with_its_devices(admin: Caller, gateway: Gateway) -> None:
    anchor = make("I")
    record = await trust(admin, "I", anchor)
    for number in range(3):
        await gateway.let_in(device(f"pump {number}", anchor), service=Service.LWM2M)

    found = await preview(admin, setStatus={"id": record, "status": "INACTIVE"})

    assert (found["losingCount"], found["gainingCount"], found["movingCount"], found["unchangedCount"]) == (3, 0, 0, 0)
    (effect,) = found["effects"]
    assert (effect["before"], effect["after"], effect["deviceCount"]) == ("TRUSTED", "BLACKLISTED", 3)
    assert (effect["certificateBefore"], effect["certificateAfter"]) == ({"name": "I"}, None)
    assert [edge["node"]["endpointName"] for edge in effect["devices"]["edges"]] == ["pump 0", "pump 1", "pump 2"]


async def test_an_effects_devices_are_those_that_it_counts(house: House, admin: Caller, gateway: Gateway) -> None:
    """Of four devices of one kind one is suspended, and another has lost its claim: two lose access."""
    anchor = make("I")
    given = {"name": "I", "source": {"pem": pem_of(anchor)}, "usage": "ENROLLMENT"}
    record = (await admin(UPLOAD, input=given))["uploadCertificate"]["certificate"]["id"]
    pumps = [device(f"pump {number}", anchor) for number in range(4)]
    rows = [await gateway.let_in(pump) for pump in pumps]
    await house.perform(admin.actor, SuspendDevice(rows[1].id, "test"))
    fingerprint = sha256(pumps[2].der).digest()
    claim = await held_claim(house.database.reads, admin.account_id, fingerprint, house.clock())
    assert claim is not None
    await house.perform(admin.actor, ReleaseEnrollment(claim.id))

    found = await preview(admin, setStatus={"id": record, "status": "INACTIVE"})

    listed = {
        (effect["before"], effect["deviceCount"], effect["devices"]["totalCount"]): [
            edge["node"]["endpointName"] for edge in effect["devices"]["edges"]
        ]
        for effect in found["effects"]
    }
    assert listed == {("TRUSTED", 2, 2): ["pump 0", "pump 3"], ("NOT_ENROLLED", 1, 1): ["pump 2"]}


async def test_a_page_of_effects_has_the_most_devices_first(admin: Caller, gateway: Gateway) -> None:
    anchor = make("I")
    record = await trust(admin, "I", anchor)
    for number in range(3):
        sub = make(f"S{number}", issuer=anchor)
        for each in range(number + 1):
            await gateway.let_in(device(f"pump {number} {each}", sub), sub, service=Service.LWM2M)
    document = PREVIEW.replace("effects {", "effects(first: 2) {")
    change = {"setStatus": {"id": record, "status": "INACTIVE"}}

    found = (await admin(document, input=change))["previewCertificateChange"]

    assert (found["effectCount"], found["losingCount"]) == (3, 6)
    assert [effect["deviceCount"] for effect in found["effects"]] == [3, 2]
    assert await admin.refusal(document.replace("first: 2", "first: 101"), input=change) == "BAD_USER_INPUT"


async def test_a_deletion_says_through_what_devices_stay(admin: Caller, gateway: Gateway) -> None:
    anchor = make("I")
    sub = make("S", issuer=anchor)
    await trust(admin, "I", anchor)
    lower = await trust(admin, "S", sub, anchor)
    await gateway.let_in(device("pump", sub), sub, service=Service.LWM2M)

    found = await preview(admin, delete=lower)

    (effect,) = found["effects"]
    assert (found["losingCount"], found["movingCount"]) == (0, 1)
    assert (effect["certificateBefore"]["name"], effect["certificateAfter"]["name"]) == ("S", "I")


async def test_an_upload_says_who_would_gain(admin: Caller, gateway: Gateway) -> None:
    anchor = make("I")
    record = await trust(admin, "I", anchor)
    await gateway.let_in(device("pump", anchor), service=Service.LWM2M)
    await admin(DELETE, input={"id": record})
    upload = {"source": {"pem": pem_of(anchor)}, "usage": "THIRD_PARTY_CA"}

    found = await preview(admin, upload=upload)

    assert (found["losingCount"], found["gainingCount"]) == (0, 1)
    given = {**upload, "name": "again", "service": "LWM2M", "expectedImpact": found["token"]}
    assert (await admin(UPLOAD, input=given))["uploadCertificate"]["errors"] == []


async def test_suspending_with_it_takes_also_those_who_would_stay(
    house: House, admin: Caller, gateway: Gateway
) -> None:
    """The pump came to the one server below I, and to the other below another CA, which stays trusted."""
    await may_suspend(house, admin.account_id)
    anchor, other = make("I"), make("Other")
    record = await trust(admin, "I", anchor)
    await trust(admin, "other", other)
    await admin(UPLOAD, input={"name": "boot", "source": {"pem": pem_of(other)}, "usage": "ENROLLMENT"})
    await gateway.let_in(device("pump", anchor), service=Service.LWM2M)
    await gateway.let_in(device("pump", other), service=Service.BOOTSTRAP)
    await gateway.let_in(device("valve", other), service=Service.LWM2M)

    found = await preview(admin, setStatus={"id": record, "status": "INACTIVE", "suspendDevices": True})

    assert {(each["service"], each["after"], each["deviceCount"]) for each in found["effects"]} == {
        ("LWM2M", "BLACKLISTED", 1),
        ("BOOTSTRAP", "DEVICE_SUSPENDED", 1),
    }
    assert found["unchangedCount"] == 1
    await admin(SET, input={"id": record, "status": "INACTIVE", "suspendDevices": True})
    resumed = await preview(admin, setStatus={"id": record, "status": "ACTIVE", "resumeDevices": True})
    assert (resumed["gainingCount"], resumed["losingCount"]) == (2, 0)


async def test_what_would_do_something_else_by_now_is_refused_with_what_it_would_do(
    admin: Caller, gateway: Gateway
) -> None:
    anchor = make("I")
    record = await trust(admin, "I", anchor)
    await gateway.let_in(device("one", anchor), service=Service.LWM2M)
    shown = await preview(admin, setStatus={"id": record, "status": "INACTIVE"})
    await gateway.let_in(device("two", anchor), service=Service.LWM2M)
    given = {"id": record, "status": "INACTIVE", "expectedImpact": shown["token"]}

    (error,) = (await admin(SET, input=given))["setCertificateStatus"]["errors"]

    assert (error["code"], error["path"], error["current"]) == ("VERSION_CONFLICT", ["expectedImpact"], {"name": "I"})
    assert error["impact"]["losingCount"] == 2
    again = given | {"expectedImpact": error["impact"]["token"]}
    assert (await admin(SET, input=again))["setCertificateStatus"]["errors"] == []


async def test_a_deletion_that_would_do_something_else_by_now_is_refused(admin: Caller, gateway: Gateway) -> None:
    anchor = make("I")
    record = await trust(admin, "I", anchor)
    shown = await preview(admin, delete=record)
    await gateway.let_in(device("pump", anchor), service=Service.LWM2M)
    given = {"id": record, "expectedImpact": shown["token"]}

    (error,) = (await admin(DELETE, input=given))["deleteCertificate"]["errors"]

    assert (error["code"], error["path"], error["current"]) == ("VERSION_CONFLICT", ["expectedImpact"], {"name": "I"})
    assert error["impact"]["losingCount"] == 1
    again = given | {"expectedImpact": error["impact"]["token"]}
    assert (await admin(DELETE, input=again))["deleteCertificate"] == {"deletedId": record, "errors": []}


async def test_an_upload_that_would_do_something_else_by_now_is_refused(admin: Caller, gateway: Gateway) -> None:
    """S stands below I: once I is gone, its device comes in through S alone."""
    anchor = make("I")
    sub = make("S", issuer=anchor)
    upper = await trust(admin, "I", anchor)
    await gateway.let_in(device("pump", sub), sub, service=Service.LWM2M)
    upload = {"source": {"pem": pem_of(sub, anchor)}, "usage": "THIRD_PARTY_CA"}
    shown = await preview(admin, upload=upload)
    assert shown["gainingCount"] == 0
    await admin(DELETE, input={"id": upper})
    given = {**upload, "name": "S", "service": "LWM2M", "expectedImpact": shown["token"]}

    (error,) = (await admin(UPLOAD, input=given))["uploadCertificate"]["errors"]

    assert (error["code"], error["path"], error["current"]) == ("VERSION_CONFLICT", ["expectedImpact"], None)
    assert error["impact"]["gainingCount"] == 1
    again = given | {"expectedImpact": error["impact"]["token"]}
    assert (await admin(UPLOAD, input=again))["uploadCertificate"]["errors"] == []


async def test_an_unknown_certificate_has_no_impact(admin: Caller) -> None:
    assert await preview(admin, delete=f"crt_{'0' * 32}") is None
    assert await preview(admin, setStatus={"id": f"crt_{'0' * 32}", "status": "ACTIVE"}) is None


async def refused(caller: Caller, **change: Any) -> dict[str, object]:
    """The extensions of the only error of a preview."""
    result = await caller.execute(PREVIEW, input=change)
    (error,) = field_errors(result.errors, "req-1")
    extensions: dict[str, object] = error["extensions"]
    return extensions


async def test_a_chain_that_would_not_be_accepted_is_refused_with_its_findings(admin: Caller) -> None:
    leaf = device("pump", make("I"))
    given = {"source": {"pem": pem_of(leaf)}, "usage": "CREDENTIALS"}

    said = await refused(admin, upload=given)

    document = """mutation Upload($input: UploadCertificateInput!) { uploadCertificate(input: $input) {
      errors { ... on CertificateRejectedError { findings { severity code message chainIndex reference } } } } }"""
    (error,) = (await admin(document, input={**given, "name": "pump"}))["uploadCertificate"]["errors"]
    assert (said["code"], said["findings"]) == ("CERTIFICATE_REJECTED", error["findings"])
    wrong = {"source": {"pem": pem_of(make("I"))}, "usage": "THIRD_PARTY_CA", "service": "BOOTSTRAP"}
    said = await refused(admin, upload=wrong)
    assert (said["code"], said["inputPath"]) == ("CERTIFICATE_REJECTED", ["service"])


async def test_what_the_account_trusts_already_is_refused(admin: Caller) -> None:
    anchor = make("I")
    await trust(admin, "I", anchor)
    again = {"source": {"pem": pem_of(anchor)}, "usage": "THIRD_PARTY_CA"}

    assert (await refused(admin, upload=again))["code"] == "DUPLICATE_CERTIFICATE"
    assert await preview(admin, upload=again | {"usage": "ENROLLMENT"}) is not None


async def test_an_upload_over_the_quota_is_refused(house: House, admin: Caller) -> None:
    await trust(admin, "I", make("I"))
    await house.perform(command_line(admin.account_id, "root"), SetAccountLimit(admin.account_id, 1))

    given = {"source": {"pem": pem_of(make("Other"))}, "usage": "CREDENTIALS"}

    assert (await refused(admin, upload=given))["code"] == "QUOTA_EXCEEDED"


async def test_suspending_is_refused_as_the_mutation_refuses_it(house: House, admin: Caller) -> None:
    record = await trust(admin, "I", make("I"))
    changes = [
        {"id": record, "status": "INACTIVE", "suspendDevices": True},
        {"id": record, "status": "ACTIVE", "suspendDevices": True},
        {"id": record, "status": "INACTIVE", "resumeDevices": True},
    ]

    for change, code in zip(changes, ["INVALID_STATE", "INVALID_INPUT", "INVALID_INPUT"], strict=True):
        said = await refused(admin, setStatus=change)
        (error,) = (await admin(SET, input=change))["setCertificateStatus"]["errors"]
        assert (said["code"], said["inputPath"]) == (error["code"], error["path"]) == (code, error["path"])
    await may_suspend(house, admin.account_id)
    assert await preview(admin, setStatus=changes[0]) is not None
    # Nothing is said of a certificate that is not there.
    assert await preview(admin, setStatus=changes[1] | {"id": f"crt_{'0' * 32}"}) is None
