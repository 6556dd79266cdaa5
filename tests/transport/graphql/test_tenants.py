"""T9: an id of another account is answered exactly as one that nothing has, wherever the schema takes an id.

Seen to fail with the account left out of the query that reads records by their ids.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.house import House
from tests.transport.graphql.callers import Caller, Data
from tests.transport.graphql.documents import IdInput, everything, id_inputs, root
from tests.transport.graphql.furnished import Furnished, furnish

NOTHING = "0123456789abcdef0123456789abcdef"
KINDS = ("certificate", "api_key", "event", "account", "challenge", "device", "enrollment", "job")

REST: Mapping[str, dict[str, Any]] = {
    "setCertificateStatus": {"status": "INACTIVE"},
    "updateCertificate": {"name": "mine"},
    "provePossession": {"proof": {"signature": "AAAA"}},
    "suspendDevice": {"category": "mine"},
    "previewCertificateChange": {"setStatus": {"status": "INACTIVE"}},
}
"""What an input needs beside the id."""

OUTCOME = """{
  errors { __typename ... on UserError { code message path } }
  auditEntry { action outcome code targetName targetId target { __typename } changes { field } }
}"""

PLACES = [place for place in id_inputs() if place.operation != "Subscription"]


def argument(place: IdInput, node_id: str) -> Any:
    value: Any = [node_id] if place.is_list else node_id
    for name in reversed(place.path[1:]):
        value = {name: value}
    return with_rest(value, REST.get(place.field, {}))


def with_rest(value: Any, rest: Mapping[str, Any]) -> Any:
    """What an input needs beside the id, where the id stands: one of several ways in stays the only one."""
    if not isinstance(value, dict):
        return value
    inner = {name: with_rest(each, rest.get(name, {})) for name, each in value.items()}
    return {name: each for name, each in rest.items() if not isinstance(each, dict) or "proof" in rest} | inner


async def answer(caller: Caller, place: IdInput, node_id: str) -> Data:
    """What a caller is told about an id, with the id itself left out."""
    field = root(place.operation)[place.field]
    kind = field.args[place.path[0]].type
    selection = OUTCOME if place.operation == "Mutation" else everything(field.type, 4)
    document = f"{place.operation.lower()} Ask($value: {kind}) {{ {place.field}({place.path[0]}: $value) {selection} }}"
    result = await caller.execute(document, value=argument(place, node_id))
    errors = [(error.message, error.path, error.extensions) for error in result.errors or ()]
    return json.dumps([result.data, errors], default=str).replace(json.dumps(node_id), '"ID"')


def test_the_schema_takes_ids_where_this_test_asks() -> None:
    assert {place.name for place in id_inputs()} == {
        "node.id",
        "nodes.ids",
        "certificate.by.id",
        "auditEvents.filterBy.targetIds",
        "auditEvents.filterBy.actorIds",
        "auditInclusionProof.id",
        "updateCertificate.input.id",
        "setCertificateStatus.input.id",
        "deleteCertificate.input.id",
        "revokeApiKey.input.id",
        "createPossessionChallenge.input.certificateId",
        "provePossession.input.challengeId",
        "device.id",
        "previewCertificateChange.input.delete",
        "previewCertificateChange.input.setStatus.id",
        "devices.filterBy.trustedBy",
        "suspendDevice.input.id",
        "resumeDevice.input.id",
        "enrollment.id",
        "job.id",
        "releaseEnrollment.input.id",
        "certificateChanged.ids",
        "findingChanged.certificateIds",
    }


@pytest.mark.parametrize("kind", KINDS)
async def test_anothers_id_is_answered_as_nothings(house: House, tmp_path: Path, kind: str) -> None:
    mine, others = await furnish(house, "acme"), await furnish(house, "umbrella")
    theirs = str(getattr(others, kind))
    nothing = f"{theirs[:4]}{NOTHING}"
    await house.signing(tmp_path).once()
    before = await everything_of(others)
    for place in PLACES:
        assert await answer(mine.admin, place, theirs) == await answer(mine.admin, place, nothing), place.name
    assert await everything_of(others) == before


OWN = (
    ("node.id", "certificate"),
    ("node.id", "api_key"),
    ("node.id", "event"),
    ("node.id", "account"),
    ("nodes.ids", "certificate"),
    ("certificate.by.id", "certificate"),
    ("auditEvents.filterBy.targetIds", "certificate"),
    ("auditInclusionProof.id", "event"),
    ("node.id", "challenge"),
    ("createPossessionChallenge.input.certificateId", "certificate"),
    ("provePossession.input.challengeId", "challenge"),
    ("updateCertificate.input.id", "certificate"),
    ("setCertificateStatus.input.id", "certificate"),
    ("deleteCertificate.input.id", "certificate"),
    ("revokeApiKey.input.id", "api_key"),
    ("node.id", "device"),
    ("device.id", "device"),
    ("previewCertificateChange.input.delete", "certificate"),
    ("previewCertificateChange.input.setStatus.id", "certificate"),
    ("devices.filterBy.trustedBy", "certificate"),
    ("suspendDevice.input.id", "device"),
    ("resumeDevice.input.id", "device"),
    ("node.id", "enrollment"),
    ("node.id", "job"),
    ("enrollment.id", "enrollment"),
    ("job.id", "job"),
    ("releaseEnrollment.input.id", "enrollment"),
)


async def test_ones_own_id_is_answered_otherwise(house: House, tmp_path: Path) -> None:
    mine = await furnish(house, "acme")
    await house.signing(tmp_path).once()
    for name, kind in OWN:
        place = next(place for place in PLACES if place.name == name)
        own = str(getattr(mine, kind))
        assert await answer(mine.admin, place, own) != await answer(mine.admin, place, f"{own[:4]}{NOTHING}"), name


KIND_OF = {
    "revokeApiKey": "key",
    "provePossession": "chl",
    "suspendDevice": "dev",
    "resumeDevice": "dev",
    "enrollment": "enr",
    "releaseEnrollment": "enr",
    "job": "job",
}
MALFORMED = ("", "crt_", "crt_XYZ", f"dev_{NOTHING}", NOTHING, f"crt_{NOTHING.upper()}", "crt_\x00", "crt_\ud800")


async def test_what_is_no_id_is_answered_as_nothings(admin: Caller) -> None:
    for place in PLACES:
        kind = KIND_OF.get(place.field, "crt")
        expected = _without_ids(await answer(admin, place, f"{kind}_{NOTHING}"))
        for malformed in MALFORMED:
            assert _without_ids(await answer(admin, place, malformed)) == expected, (place.name, malformed)


async def test_an_idempotency_key_of_another_account_is_ones_own(house: House) -> None:
    mine, others = await furnish(house, "acme"), await furnish(house, "umbrella")
    for caller in (mine, others):
        made = await caller.admin.upload("same name", idempotencyKey="same key")
        assert made["name"] == "same name"


async def everything_of(furnished: Furnished) -> Data:
    """What an account holds, asked without leaving a trace in it."""
    selection = everything(root("Query")["certificates"].type, 3)
    keys = "apiKeys { edges { node { id revokedAt } } }"
    devices = "devices { edges { node { id status suspension { category } } } }"
    claims = "enrollments { edges { node { id } } } jobs { edges { node { id status } } }"
    return await furnished.admin(f"{{ certificates {selection} {keys} {devices} {claims} }}")


def _without_ids(text: str) -> str:
    # What is no id is recorded as the id that nothing has, which the refusal's entry then names.
    for kind in ("crt", *KIND_OF.values()):
        text = text.replace(f"{kind}_{'0' * 32}", "ID")
    return text
