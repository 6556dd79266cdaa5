"""Every field of every type answers, in documents that are made from the schema."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from graphql import get_named_type

from app.transport.graphql.scalars import write_instant
from tests.connecting import device
from tests.enrolling import identity
from tests.house import House
from tests.rules.authority import AT, make
from tests.transport.graphql.callers import Data, pem_of
from tests.transport.graphql.claims import Claim
from tests.transport.graphql.documents import everything, object_types, root
from tests.transport.graphql.furnished import Furnished, furnish, renewals

DEPTH = 6

EMPTY = {
    # Written by whoever signs keys in.
    ("ApiKey", "lastUsedAt"),
    # No time is set.
    ("Enrollment", "expiresAt"),
    # Only where nobody signs: test_evidence.py.
    ("AuditEvent", "receiptAbsence"),
}
ERRORS = {
    "AlreadyClaimedError",
    "CertificateRejectedError",
    "DuplicateCertificateError",
    "IdempotencyKeyReusedError",
    "InvalidInputError",
    "InvalidStateError",
    "NotFoundError",
    "ProofRejectedError",
    "QuotaExceededError",
    "VersionConflictError",
}
"""Tested one by one in test_refusals.py."""
ELSEWHERE = {"ImpactEffect"}
"""Tested in test_impact.py."""


@dataclass(frozen=True)
class Budget:
    """What is left, in numbers that can be told apart."""

    limit: int = 600
    remaining: int = 590
    cost: int = 10
    reset_at: datetime = AT


def whole(operation: str, field: str, arguments: str) -> str:
    return f"{field}: {field}{arguments} {everything(root(operation)[field].type, DEPTH)}"


def seen_in(data: Data, found: set[tuple[str, str]]) -> None:
    """Collect which fields of which types had a value."""
    if isinstance(data, list):
        for each in data:
            seen_in(each, found)
    if isinstance(data, dict):
        for alias, value in data.items():
            kind, _, name = alias.partition("_")
            if name and not alias.startswith("__") and value is not None:
                found.add((kind, name))
            seen_in(value, found)


def arguments(furnished: Furnished) -> dict[str, str]:
    """What every query is given."""
    return {
        "viewer": "",
        "account": "(asOf: {treeSize: 1})",
        "node": f'(id: "{furnished.certificate}")',
        "nodes": f'(ids: ["{furnished.event}", "{furnished.api_key}", "{furnished.account}"])',
        "certificate": '(by: {name: "old"})',
        "certificates": f'(first: 10, asOf: {{time: "{write_instant(furnished.admin.house.clock.now)}"}})',
        "previewCertificate": "(input: {usage: CREDENTIALS, service: LWM2M, source: {pem: $pem}})",
        "auditEvents": "(first: 50)",
        "auditCheckpoint": "",
        "auditInclusionProof": f'(id: "{furnished.event}")',
        "auditConsistencyProof": "(fromTreeSize: 1)",
        "apiKeys": "(first: 10)",
        "device": f'(id: "{furnished.device}")',
        "devices": "(first: 10)",
        "gateways": "",
        "previewCertificateChange": f'(input: {{delete: "{furnished.certificate}"}})',
        "verifyDevice": "(input: {chain: {pem: $pem}, at: $at})",
        "enrollment": f'(id: "{furnished.enrollment}")',
        "enrollments": "(first: 10)",
        "job": f'(id: "{furnished.job}")',
        "jobs": "(first: 10)",
        "rateLimit": "",
        "health": "",
    }


async def answers(furnished: Furnished) -> list[Data]:
    admin = furnished.admin
    # Whoever asks for a receipt waits for a checkpoint.
    await admin("query($id: ID!) { node(id: $id) { ... on AuditEvent { receipt } } }", id=furnished.event)
    admin.budget = Budget()  # type: ignore[assignment]  # it has what a budget has
    old, new = renewals("acme CA 2")
    queries = arguments(furnished)
    assert set(queries) == set(root("Query"))
    data = [
        await admin(f"query {{ {whole('Query', name, given)} }}") for name, given in queries.items() if "$" not in given
    ]
    await admin.upload("renewed", old, usage="CREDENTIALS", service="LWM2M")
    preview = f"query($pem: PEM!) {{ {whole('Query', 'previewCertificate', queries['previewCertificate'])} }}"
    data.append(await admin(preview, pem=pem_of(new)))
    data.append(await admin(preview, pem=pem_of(old)))
    verify = f"query($pem: PEM!, $at: DateTime) {{ {whole('Query', 'verifyDevice', queries['verifyDevice'])} }}"
    data.append(await admin(verify, pem=pem_of(device("pump", new)), at=write_instant(admin.house.clock.now)))
    return data + await outcomes(furnished)


async def outcomes(furnished: Furnished) -> list[Data]:
    admin = furnished.admin
    made, issuing = (await admin.upload("to change"))["id"], make("issuing")
    await admin.upload("issuing", issuing)
    claim, to_challenge = await Claim.made(admin, "to prove"), await admin.upload("to challenge", usage="CREDENTIALS")
    inputs: dict[str, dict[str, Any]] = {
        "uploadCertificate": {"name": "whole", "usage": "ENROLLMENT", "source": {"pem": pem_of(make("whole"))}},
        "createDeveloperCertificate": {"name": "developer"},
        "updateCertificate": {"id": made, "description": "Changed."},
        "setCertificateStatus": {"id": made, "status": "INACTIVE"},
        "deleteCertificate": {"id": made},
        "createApiKey": {"name": "whole", "role": "VIEWER"},
        "revokeApiKey": {"id": furnished.api_key},
        "suspendDevice": {"id": furnished.device, "category": "stolen"},
        "rememberIntermediates": {"source": {"pem": pem_of(make("below", issuer=issuing))}},
        "resumeDevice": {"id": furnished.device},
        "createPossessionChallenge": {"certificateId": to_challenge["id"]},
        "provePossession": {"challengeId": claim.challenge["id"], "proof": claim.signature},
        "claimEnrollment": {"identity": identity("whole")},
        "releaseEnrollment": {"id": furnished.enrollment},
    }
    assert set(inputs) == set(root("Mutation"))
    data = []
    for name, given in inputs.items():
        kind = get_named_type(root("Mutation")[name].args["input"].type).name
        data.append(
            await admin(f"mutation($input: {kind}!) {{ {whole('Mutation', name, '(input: $input)')} }}", input=given)
        )
    return data


@pytest.mark.usefixtures("signing")
async def test_every_field_has_a_value_somewhere(house: House) -> None:
    furnished = await furnish(house, "acme")
    found: set[tuple[str, str]] = set()
    for data in await answers(furnished):
        seen_in(data, found)
    roots = {"Query", "Mutation", "Subscription", "CertificateChange", "FindingChange"}
    expected = {
        (kind.name, name)
        for kind in object_types()
        if kind.name not in ERRORS | ELSEWHERE | roots
        for name in kind.fields
    }
    assert expected - found == EMPTY
