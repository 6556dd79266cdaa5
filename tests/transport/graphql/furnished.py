"""An account with something of every kind in it."""

from dataclasses import dataclass
from datetime import timedelta

from cryptography.hazmat.primitives.asymmetric import ec

from app.actor import Role
from app.services.gateway_reports import GatewayReports
from app.store import gateways
from app.terms import JobKind, Service
from tests.connecting import Gateway, device, may_suspend
from tests.enrolling import csv_of, identity, worked_off
from tests.house import House
from tests.looking import look
from tests.rules.authority import AT, Made, make
from tests.transport.graphql.callers import Caller, Data, account
from tests.transport.graphql.claims import CHALLENGE

CREATE_KEY = """
mutation CreateKey($input: CreateApiKeyInput!) {
  createApiKey(input: $input) {
    apiKey { id name hint role scopes clientCert createdAt expiresAt lastUsedAt revokedAt }
    secret
    errors { __typename ... on UserError { code message path } }
    auditEntry { id action outcome code targetId }
  }
}
"""
REVOKE_KEY = """
mutation RevokeKey($input: RevokeApiKeyInput!) {
  revokeApiKey(input: $input) {
    apiKey { id revokedAt }
    errors { __typename ... on UserError { code message path } }
    auditEntry { id outcome code }
  }
}
"""
SET_STATUS = """
mutation SetStatus($input: SetCertificateStatusInput!) {
  setCertificateStatus(input: $input) {
    certificate { id version status }
    errors { __typename ... on UserError { code message path } ... on VersionConflictError { current { id version } } }
    auditEntry { id outcome code reason }
  }
}
"""
UPDATE = """
mutation Update($input: UpdateCertificateInput!) {
  updateCertificate(input: $input) {
    certificate { id version name description }
    errors { __typename ... on UserError { code message path } ... on VersionConflictError { current { id version } } }
    auditEntry { id outcome code }
  }
}
"""
DELETE = """
mutation Delete($input: DeleteCertificateInput!) {
  deleteCertificate(input: $input) {
    deletedId
    account { certificateQuota { used } }
    errors { __typename ... on UserError { code message path } ... on VersionConflictError { current { id version } } }
    auditEntry { id outcome code reason }
  }
}
"""
CLAIM = """
mutation Claim($input: ClaimEnrollmentInput!) {
  claimEnrollment(input: $input) {
    enrollment { id identity status createdAt expiresAt claimedAt }
    errors { __typename ... on UserError { code message path } }
    auditEntry { id action outcome code targetName }
  }
}
"""
RELEASE = """
mutation Release($input: ReleaseEnrollmentInput!) {
  releaseEnrollment(input: $input) {
    releasedId
    errors { __typename ... on UserError { code message path } }
    auditEntry { id action outcome code targetName reason }
  }
}
"""


SUSPEND = """
mutation Suspend($input: SuspendDeviceInput!) {
  suspendDevice(input: $input) {
    device { id endpointName status suspension { at category description withCertificate } }
    errors { __typename ... on UserError { code message path } }
    auditEntry { id action outcome code targetId targetName changes { field } }
  }
}
"""
RESUME = """
mutation Resume($input: ResumeDeviceInput!) {
  resumeDevice(input: $input) {
    device { id status suspension { at } }
    errors { __typename ... on UserError { code message path } }
    auditEntry { id action outcome code reason }
  }
}
"""


@dataclass(frozen=True)
class Furnished:
    """An account's administrator, and the ids of what is in it."""

    admin: Caller
    certificate: str
    api_key: str
    event: str
    challenge: str
    device: str
    enrollment: str
    job: str

    @property
    def account(self) -> str:
        return f"acc_{self.admin.account_id}"


def renewals(name: str) -> tuple[Made, Made]:
    """Two certificates of one CA with one key; the first expires soon."""
    key = ec.generate_private_key(ec.SECP256R1())
    old = make(name, key=key, not_after=AT + timedelta(days=30))
    new = make(name, key=key, serial=2)
    return old, new


async def heard_of(house: House, account_id: str, key_id: str, version: int = 1) -> None:
    """A gateway that said which version of the account's trust it enforces."""
    reports = GatewayReports(house.database)
    reports.enforces(gateways.Gateway(account_id, key_id, Service.BOOTSTRAP), version, house.clock())
    await reports.flush()


async def furnish(house: House, name: str) -> Furnished:
    """Two records of one CA, one of them blacklisted and so in the other's way.

    And a device, which is suspended, by itself and with the record; a challenge; a gateway's key, which is revoked; a
    refusal; a claim, and a job that made another one and refused a line.
    """
    admin = await account(house, name)
    old, new = renewals(f"{name} CA")
    first: Data = await admin.upload("old", old, description="The first.")
    gateway, pump = Gateway(house, admin.account_id), device("pump", old)
    came_in = await gateway.let_in(pump)
    await admin(SUSPEND, input={"id": f"dev_{came_in.id}", "category": "lost", "description": "On its way."})
    await admin.upload("new", new)
    owned = await admin.upload("owned", usage="CREDENTIALS")
    challenge = (await admin(CHALLENGE, input={"certificateId": owned["id"]}))["createPossessionChallenge"]["challenge"]
    await may_suspend(house, admin.account_id)
    given = {"id": first["id"], "status": "INACTIVE", "suspendDevices": True, "reason": "Left its place."}
    await admin(SET_STATUS, input=given)
    await gateway.ask(pump)
    await gateway.flush()
    expires = (AT + timedelta(days=90)).isoformat()
    given = {"name": "gateway", "role": Role.GATEWAY.name, "clientCert": "XFCC", "expiresAt": expires}
    made = (await admin(CREATE_KEY, input=given))["createApiKey"]
    working = await admin.key(Role.GATEWAY, "another gateway")
    await heard_of(house, admin.account_id, working.actor.id or "")
    await admin(REVOKE_KEY, input={"id": made["apiKey"]["id"], "reason": "It was a test."})
    await admin(REVOKE_KEY, input={"id": f"key_{'0' * 32}"})
    claim = (await admin(CLAIM, input={"identity": identity(name)}))["claimEnrollment"]["enrollment"]["id"]
    job, _ = await worked_off(
        house, admin.actor, JobKind.ENROLLMENT_CLAIM, csv_of([identity(name), identity(f"{name} 2")])
    )
    await look(house)
    key, event = made["apiKey"]["id"], made["auditEntry"]["id"]
    return Furnished(admin, first["id"], key, event, challenge["id"], f"dev_{came_in.id}", claim, f"job_{job.id}")
