"""Certificates through the API: what is uploaded is what is read, and every change is refused or done."""

from tests.rules.authority import chain_of_three, make
from tests.transport.graphql.callers import UPLOAD, Caller, pem_of

WHOLE = """
query Whole($by: CertificateLookup!) {
  certificate(by: $by) {
    id version name description status service usage possession fingerprint pem expiresAt createdAt updatedAt
    createdBy { kind displayName apiKey { id name } }
    chain {
      subject issuer serialNumber fingerprint publicKeyFingerprint notBefore notAfter isCa pathLength selfSigned
      publicKey signatureAlgorithm keyUsage pem
    }
    findings { severity code message chainIndex reference relatedCertificate { id } }
    auditEvents(first: 10) {
      totalCount
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      edges { cursor node { action targetName } }
    }
  }
}
"""


async def test_what_was_uploaded_is_read_back_whole(admin: Caller) -> None:
    root, middle, fleet_ca = chain_of_three()
    made = await admin.upload("fleet", root, middle, fleet_ca, description="The fleet.")
    fleet = (fleet_ca, middle, root)
    found = (await admin(WHOLE, by={"id": made["id"]}))["certificate"]
    assert found["fingerprint"] == fleet_ca.parsed.fingerprint.hex()
    assert found["pem"] == pem_of(*fleet)
    assert [each["pem"] for each in found["chain"]] == [pem_of(each) for each in fleet]
    assert [each["subject"] for each in found["chain"]] == ["CN=Fleet CA", "CN=Middle CA", "CN=Root CA"]
    assert found["chain"][2] | {"pem": "", "fingerprint": "", "publicKeyFingerprint": ""} == {
        "subject": "CN=Root CA",
        "issuer": "CN=Root CA",
        "serialNumber": "1234",
        "fingerprint": "",
        "publicKeyFingerprint": "",
        "notBefore": "2025-06-01T12:00:00.000Z",
        "notAfter": "2036-05-29T12:00:00.000Z",
        "isCa": True,
        "pathLength": None,
        "selfSigned": True,
        "publicKey": "EC P-256",
        "signatureAlgorithm": "ecdsa-with-SHA256",
        "keyUsage": ["keyCertSign", "cRLSign"],
        "pem": "",
    }
    assert (found["version"], found["name"], found["description"]) == (1, "fleet", "The fleet.")
    assert (found["status"], found["service"], found["usage"]) == ("ACTIVE", "BOOTSTRAP", "ENROLLMENT")
    assert found["possession"] == "NOT_REQUIRED"
    assert found["expiresAt"] == "2036-05-29T12:00:00.000Z"
    assert found["createdBy"] == {
        "kind": "API_KEY",
        "displayName": "first key",
        "apiKey": {"id": admin.key_id, "name": "first key"},
    }
    assert found["findings"] == []
    assert found["auditEvents"]["totalCount"] == 1
    assert found["auditEvents"]["edges"][0]["node"] == {"action": "CERTIFICATE_UPLOAD", "targetName": "fleet"}


async def test_a_certificate_is_found_by_id_by_fingerprint_and_by_name(admin: Caller) -> None:
    made = await admin.upload("fleet")
    digest = made["fingerprint"]
    pasted = ":".join(digest[at : at + 2] for at in range(0, 64, 2)).upper()
    for by in ({"id": made["id"]}, {"fingerprint": digest}, {"fingerprint": pasted}, {"name": "fleet"}):
        assert (await admin(WHOLE, by=by))["certificate"]["id"] == made["id"]
    for by in ({"id": "crt_" + "0" * 32}, {"fingerprint": "0" * 64}, {"name": "flee"}):
        assert await admin(WHOLE, by=by) == {"certificate": None}


async def test_the_same_certificate_twice_is_refused_with_the_one_that_is_there(admin: Caller) -> None:
    ca = make()
    made = await admin.upload("fleet", ca)
    again = {"name": "other", "usage": "ENROLLMENT", "source": {"pem": pem_of(ca)}}
    document = UPLOAD.replace(
        "code message path", "code path ... on DuplicateCertificateError { existing { id name } }"
    )
    refused = (await admin(document, input=again))["uploadCertificate"]
    assert refused["certificate"] is None
    assert refused["errors"] == [
        {
            "__typename": "DuplicateCertificateError",
            "code": "DUPLICATE_CERTIFICATE",
            "path": ["source"],
            "existing": {"id": made["id"], "name": "fleet"},
        }
    ]
    assert refused["auditEntry"]["outcome"] == "REFUSED"
    assert refused["auditEntry"]["code"] == "DUPLICATE_CERTIFICATE"
    assert refused["account"]["certificateQuota"] == {"limit": 50, "used": 1, "remaining": 49}
