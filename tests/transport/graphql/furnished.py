"""An account with something of every kind in it."""

from dataclasses import dataclass
from datetime import timedelta

from cryptography.hazmat.primitives.asymmetric import ec

from app.actor import Role
from tests.house import House
from tests.looking import look
from tests.rules.authority import AT, Made, make
from tests.transport.graphql.callers import Caller, Data, account

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


@dataclass(frozen=True)
class Furnished:
    """An account's administrator, and the ids of what is in it."""

    admin: Caller
    certificate: str
    api_key: str
    event: str

    @property
    def account(self) -> str:
        return f"acc_{self.admin.account_id}"


def renewals(name: str) -> tuple[Made, Made]:
    """Two certificates of one CA with one key; the first expires soon."""
    key = ec.generate_private_key(ec.SECP256R1())
    old = make(name, key=key, not_after=AT + timedelta(days=30))
    new = make(name, key=key, serial=2)
    return old, new


async def furnish(house: House, name: str) -> Furnished:
    """Two records of one CA, one of them blacklisted and so in the other's way; a gateway's key, revoked; a refusal."""
    admin = await account(house, name)
    old, new = renewals(f"{name} CA")
    first: Data = await admin.upload("old", old, description="The first.")
    await admin.upload("new", new)
    await admin(SET_STATUS, input={"id": first["id"], "status": "INACTIVE", "reason": "Left its place."})
    expires = (AT + timedelta(days=90)).isoformat()
    given = {"name": "gateway", "role": Role.GATEWAY.name, "clientCert": "XFCC", "expiresAt": expires}
    made = (await admin(CREATE_KEY, input=given))["createApiKey"]
    await admin(REVOKE_KEY, input={"id": made["apiKey"]["id"], "reason": "It was a test."})
    await admin(REVOKE_KEY, input={"id": f"key_{'0' * 32}"})
    await look(house)
    return Furnished(admin, first["id"], made["apiKey"]["id"], made["auditEntry"]["id"])
