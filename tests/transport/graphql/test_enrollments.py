"""Claims and jobs as callers of the API see them."""

from datetime import timedelta

import pytest

from app.services.enrollments import ClaimEnrollment
from app.terms import JobKind
from app.transport.graphql.scalars import write_instant
from tests.enrolling import claimed, csv_of, identities, identity, queued, worked_off
from tests.transport.graphql.callers import Caller, Data
from tests.transport.graphql.furnished import CLAIM, RELEASE

LIST = """
query List($first: Int, $after: String, $last: Int, $before: String, $filterBy: EnrollmentFilter) {
  enrollments(first: $first, after: $after, last: $last, before: $before, filterBy: $filterBy) {
    totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor } edges { node { id identity status } }
  }
}
"""
JOB = """
query Job($id: ID!, $first: Int, $after: String, $last: Int, $before: String) {
  job(id: $id) {
    kind status totalCount processedCount errorsCount inputSha256 completedAt
    errors(first: $first, after: $after, last: $last, before: $before) {
      totalCount pageInfo { hasNextPage endCursor startCursor } edges { node { line code text } }
    }
  }
}
"""


async def shown(caller: Caller, **asked: Data) -> list[str]:
    """The identities of a page."""
    data = await caller(LIST, **asked)
    return [edge["node"]["identity"] for edge in data["enrollments"]["edges"]]


async def test_an_identity_is_claimed_and_given_up(admin: Caller) -> None:
    outcome = (await admin(CLAIM, input={"identity": identity(1).lower().replace("a-", "A-", 1)}))["claimEnrollment"]
    made = outcome["enrollment"]
    assert (made["identity"], made["status"], made["expiresAt"]) == (identity(1), "WAITING", None)
    assert outcome["errors"] == []
    assert outcome["auditEntry"]["action"] == "ENROLLMENT_CLAIM"
    assert outcome["auditEntry"]["targetName"] == identity(1)
    assert (await admin("query($id: ID!) { enrollment(id: $id) { identity } }", id=made["id"]))["enrollment"]

    released = (await admin(RELEASE, input={"id": made["id"], "reason": "Sold"}))["releaseEnrollment"]
    assert (released["releasedId"], released["errors"]) == (made["id"], [])
    assert (await admin("query($id: ID!) { enrollment(id: $id) { identity } }", id=made["id"]))["enrollment"] is None
    assert await shown(admin) == []


async def test_whoever_holds_an_identity_the_refusal_is_the_same(admin: Caller, stranger: Caller) -> None:
    await stranger(CLAIM, input={"identity": identity("theirs")})
    await admin(CLAIM, input={"identity": identity("mine")})
    refusals = []
    for name in ("theirs", "mine"):
        outcome = (await admin(CLAIM, input={"identity": identity(name)}))["claimEnrollment"]
        assert outcome["enrollment"] is None
        assert outcome["auditEntry"]["code"] == "ALREADY_CLAIMED"
        refusals.append(outcome["errors"])
    assert refusals[0] == refusals[1]
    assert refusals[0][0]["__typename"] == "AlreadyClaimedError"
    assert refusals[0][0]["path"] == ["identity"]


@pytest.mark.parametrize("wrong", ["", "A-", "=1+1", identity(1)[:-1], identity(1) + "0"])
async def test_what_is_no_identity_is_wrong_input(admin: Caller, wrong: str) -> None:
    (error,) = (await admin(CLAIM, input={"identity": wrong}))["claimEnrollment"]["errors"]
    assert (error["code"], error["path"]) == ("INVALID_INPUT", ["identity"])
    if wrong:
        assert await admin.refusal(LIST, filterBy={"identity": wrong}) == "BAD_USER_INPUT"


async def test_a_list_is_paged_newest_first_while_claims_come_and_go(admin: Caller) -> None:
    await claimed(admin.house, admin.actor, identities(6))
    everything = await shown(admin)
    page = (await admin(LIST, first=2))["enrollments"]
    assert [edge["node"]["identity"] for edge in page["edges"]] == everything[:2]
    assert page["totalCount"] == 6

    admin.house.clock.advance(timedelta(seconds=1))
    await admin(CLAIM, input={"identity": identity("newer")})
    await admin(RELEASE, input={"id": page["edges"][0]["node"]["id"]})

    assert await shown(admin, first=2, after=page["pageInfo"]["endCursor"]) == everything[2:4]
    assert await shown(admin, last=2) == everything[-2:]
    assert (await shown(admin))[0] == identity("newer")


async def test_a_list_is_narrowed_by_identity_and_by_what_became_of_it(admin: Caller, stranger: Caller) -> None:
    house = admin.house
    await house.perform(admin.actor, ClaimEnrollment(identity("ends"), 1))
    house.clock.advance(timedelta(days=1))
    await admin(CLAIM, input={"identity": identity("waits")})
    await stranger(CLAIM, input={"identity": identity("theirs")})

    for status, expected in (("WAITING", "waits"), ("EXPIRED", "ends")):
        assert await shown(admin, filterBy={"status": [status]}) == [identity(expected)]
    assert await shown(admin, filterBy={"status": ["USED"]}) == []
    assert await shown(admin, filterBy={"status": []}) == []
    assert len(await shown(admin, filterBy={"status": ["WAITING", "EXPIRED"]})) == 2
    assert await shown(admin, filterBy={"identity": identity("waits")}) == [identity("waits")]
    assert await shown(admin, filterBy={"identity": identity("waits"), "status": ["EXPIRED"]}) == []
    for name in ("theirs", "nobody's"):
        assert await shown(admin, filterBy={"identity": identity(name)}) == []


async def test_over_ten_thousand_claims_are_not_counted(admin: Caller) -> None:
    await claimed(admin.house, admin.actor, identities(10_000))
    assert (await admin(LIST, first=1))["enrollments"]["totalCount"] == 10_000
    await admin(CLAIM, input={"identity": identity("one more")})
    assert (await admin(LIST, first=1))["enrollments"]["totalCount"] is None


async def test_a_job_shows_how_far_it_is_and_which_lines_it_refused(admin: Caller) -> None:
    lines = [identity(1), *(f"wrong {number}" for number in range(5))]
    waiting = await queued(admin.house, admin.actor, JobKind.ENROLLMENT_CLAIM, csv_of([identity(2)]))
    job = (await admin(JOB, id=f"job_{waiting.id}"))["job"]
    assert (job["status"], job["totalCount"], job["processedCount"], job["completedAt"]) == ("QUEUED", 1, 0, None)

    done, _ = await worked_off(admin.house, admin.actor, JobKind.ENROLLMENT_CLAIM, csv_of(lines))
    job = (await admin(JOB, id=f"job_{done.id}", first=2))["job"]
    assert (job["kind"], job["status"], job["processedCount"], job["errorsCount"]) == ("ENROLLMENT_CLAIM", "DONE", 6, 5)
    assert job["completedAt"] == write_instant(done.completed_at or done.created_at)
    errors = job["errors"]
    assert errors["totalCount"] == 5
    assert [edge["node"] for edge in errors["edges"]] == [
        {"line": line, "code": "INVALID_IDENTITY", "text": f"wrong {line - 3}"} for line in (3, 4)
    ]
    after = (await admin(JOB, id=f"job_{done.id}", first=9, after=errors["pageInfo"]["endCursor"]))["job"]["errors"]
    assert [edge["node"]["line"] for edge in after["edges"]] == [5, 6, 7]
    last = (await admin(JOB, id=f"job_{done.id}", last=2))["job"]["errors"]
    assert [edge["node"]["line"] for edge in last["edges"]] == [6, 7]


async def test_another_accounts_jobs_are_not_there(admin: Caller, stranger: Caller) -> None:
    done, _ = await worked_off(stranger.house, stranger.actor, JobKind.ENROLLMENT_CLAIM, csv_of(["wrong"]))
    assert (await admin(JOB, id=f"job_{done.id}"))["job"] is None
    assert (await admin("{ jobs { totalCount edges { node { id } } } }"))["jobs"] == {"totalCount": 0, "edges": []}
    mine = (await stranger("{ jobs { totalCount edges { node { id } } } }"))["jobs"]
    assert mine == {"totalCount": 1, "edges": [{"node": {"id": f"job_{done.id}"}}]}


async def test_an_entry_about_a_claim_or_a_job_leads_to_it(admin: Caller) -> None:
    await admin(CLAIM, input={"identity": identity(1)})
    await claimed(admin.house, admin.actor, [identity(2)])
    document = """{ auditEvents(filterBy: {action: [ENROLLMENT_CLAIM, ENROLLMENT_BULK_CLAIM, ENROLLMENT_CLAIM_BATCH]}) {
      edges { node { action target { __typename ... on Enrollment { identity } ... on Job { status } } } }
    } }"""
    found = [edge["node"] for edge in (await admin(document))["auditEvents"]["edges"]]
    job = {"__typename": "Job", "status": "DONE"}
    assert found == [
        {"action": "ENROLLMENT_CLAIM_BATCH", "target": job},
        {"action": "ENROLLMENT_BULK_CLAIM", "target": job},
        {"action": "ENROLLMENT_CLAIM", "target": {"__typename": "Enrollment", "identity": identity(1)}},
    ]
