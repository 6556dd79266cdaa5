"""An account and its certificates as they were: what callers see of the past, and that looking is recorded."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from app.actor import Role, command_line
from app.audit.checkpoint import Note, VerifierKey
from app.services.accounts import SetAccountLimit
from app.store import tree
from tests.audit.notaries import sign_all, started
from tests.house import House
from tests.rules.authority import AT, make
from tests.transport.graphql.callers import Caller, Data
from tests.transport.graphql.furnished import DELETE, SET_STATUS, UPDATE, renewals
from tests.transport.graphql.test_audit_log import entries
from tests.transport.graphql.test_lists import names, walk

LIST = """
query List(
  $asOf: AsOf, $filterBy: CertificateFilter, $orderBy: CertificateOrder! = {field: NAME},
  $first: Int, $after: String, $last: Int, $before: String
) {
  certificates(
    asOf: $asOf, filterBy: $filterBy, orderBy: $orderBy, first: $first, after: $after, last: $last, before: $before
  ) {
    totalCount
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    edges { cursor node {
      id version name description status service usage possession fingerprint expiresAt createdAt updatedAt pem
      chain { subject fingerprint } createdBy { kind displayName }
      findings { severity code message relatedCertificate { id name status } }
    } }
  }
}
"""
POINT = "asOf { time treeSize checkpoint { treeSize rootHash signedAt signedNote } }"
ACCOUNT = f"""
query Account($asOf: AsOf) {{
  account(asOf: $asOf) {{
    id displayName tier requirePossession createdAt certificateQuota {{ limit used remaining }} {POINT}
  }}
}}
"""
CERTIFICATES = f"""
query Certificates($asOf: AsOf) {{
  certificates(asOf: $asOf) {{ totalCount {POINT} edges {{ node {{ name status }} }} }}
}}
"""


def now(caller: Caller) -> datetime:
    """The present, before which everything so far was done."""
    caller.house.clock.advance(timedelta(seconds=1))
    return caller.house.clock.now


def at(instant: datetime) -> Data:
    return {"time": instant.isoformat()}


async def some(admin: Caller) -> None:
    """Seven certificates of every kind; in the order of their names they expire in the reverse order."""
    for number, letter in enumerate("abcdefg"):
        lwm2m = {"usage": "THIRD_PARTY_CA", "service": "LWM2M"} if number % 3 == 0 else {"usage": "CREDENTIALS"}
        ca = make(letter, not_after=AT + timedelta(days=1000 - number))
        made = await admin.upload(letter, ca, description=f"Line {letter.upper()}", **lwm2m)
        if number % 2:
            await admin(SET_STATUS, input={"id": made["id"], "status": "INACTIVE"})
    for name, renewed in zip(("x", "y"), renewals("twice"), strict=True):
        await admin.upload(name, renewed)


async def undo(admin: Caller) -> None:
    """Change or delete everything."""
    listed = (await admin(LIST, first=100))["certificates"]["edges"]
    for number, edge in enumerate(listed):
        given = {"id": edge["node"]["id"]}
        if number % 2:
            await admin(DELETE, input={**given, "confirmUnblock": True})
        else:
            await admin(UPDATE, input={**given, "name": f"new {number}", "description": None})


FILTERS: tuple[Data, ...] = (
    None,
    {"status": ["INACTIVE"]},
    {"status": []},
    {"service": ["LWM2M"]},
    {"usage": ["THIRD_PARTY_CA"], "status": ["ACTIVE"]},
    {"possession": ["PENDING"]},
    {"text": "LINE b"},
    {"text": "cn=D"},
    {"text": "%"},
    {"expires": {"start": (AT + timedelta(days=996)).isoformat(), "end": (AT + timedelta(days=999)).isoformat()}},
)


async def every_list(admin: Caller, **arguments: Data) -> list[Data]:
    """Every filter, and every order walked in both directions."""
    lists: list[Data] = []
    for filter_by in FILTERS:
        found = (await admin(LIST, filterBy=filter_by, **arguments))["certificates"]
        lists.append([found["totalCount"], found["pageInfo"], [edge["node"] for edge in found["edges"]]])
    for field in ("NAME", "CREATED_AT", "UPDATED_AT", "EXPIRES_AT"):
        for direction in ("ASC", "DESC"):
            order = {"field": field, "direction": direction}
            for backward in (False, True):
                lists.append(await walk(admin, LIST, 2, backward=backward, orderBy=order, **arguments))  # noqa: PERF401
    return lists


async def test_a_list_of_the_past_is_what_the_list_was(admin: Caller) -> None:
    await some(admin)
    present = await every_list(admin)
    assert len(present[0][2]) == 9
    assert {finding["code"] for node in present[0][2] for finding in node["findings"]} >= {"SAME_KEY_AS"}
    then = now(admin)
    await undo(admin)
    assert await every_list(admin, asOf=at(then)) == present
    assert await every_list(admin) != present
    assert await every_list(admin, asOf=at(now(admin))) == await every_list(admin)


async def test_a_cursor_of_the_past_goes_on_in_it(admin: Caller) -> None:
    await some(admin)
    then = now(admin)
    first = (await admin(LIST, asOf=at(then), first=4))["certificates"]
    await undo(admin)
    rest = (await admin(LIST, asOf=at(then), first=9, after=first["pageInfo"]["endCursor"]))["certificates"]
    assert names([edge["node"] for edge in (*first["edges"], *rest["edges"])]) == list("abcdefgxy")
    back = (await admin(LIST, asOf=at(then), last=1, before=rest["pageInfo"]["startCursor"]))["certificates"]
    assert [edge["cursor"] for edge in back["edges"]] == [first["pageInfo"]["endCursor"]]


async def test_what_is_noticed_is_noticed_as_of_then(admin: Caller) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    old = make("CA", key=key, not_after=AT + timedelta(days=30))
    await admin.upload("old", old)
    alone = now(admin)
    new = await admin.upload("new", make("CA", key=key, serial=2))
    both = now(admin)
    await admin(UPDATE, input={"id": new["id"], "name": "renamed"})
    admin.house.clock.advance(timedelta(days=60))
    await admin(DELETE, input={"id": new["id"]})

    async def noticed(as_of: Data) -> set[tuple[str, str | None]]:
        (edge, *_) = (await admin(LIST, asOf=as_of, filterBy={"text": "old"}))["certificates"]["edges"]
        return {
            (finding["code"], (finding["relatedCertificate"] or {}).get("name")) for finding in edge["node"]["findings"]
        }

    at_first = await noticed(at(alone))
    assert not {"CERT_EXPIRED", "SAME_KEY_AS"} & {code for code, _ in at_first}
    assert await noticed(at(both)) == {*at_first, ("SAME_KEY_AS", "new")}
    assert ("CERT_EXPIRED", None) in await noticed(at(now(admin)))
    assert await noticed(None) == await noticed(at(now(admin)))


async def test_an_account_is_shown_as_it_was(admin: Caller) -> None:
    await admin.upload("one")
    then = now(admin)
    before = (await admin(ACCOUNT))["account"]
    await admin.upload("two")
    await admin.house.perform(command_line(admin.account_id, "root"), SetAccountLimit(admin.account_id, 7))
    after = (await admin(ACCOUNT))["account"]
    assert (before["certificateQuota"]["used"], after["certificateQuota"]) == (
        1,
        {"limit": 7, "used": 2, "remaining": 5},
    )
    assert before["asOf"] is None
    shown = (await admin(ACCOUNT, asOf=at(then)))["account"]
    assert shown.pop("asOf")["time"] == then.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert shown == {key: value for key, value in before.items() if key != "asOf"}
    assert (await admin(ACCOUNT, asOf=at(AT - timedelta(days=1))))["account"] is None


async def test_the_instant_of_an_entry_as_it_is_shown_includes_the_entry(admin: Caller) -> None:
    await admin.upload("fleet")
    shown = (await entries(admin))[-1]["occurredAt"]
    assert names_of((await admin(CERTIFICATES, asOf={"time": shown}))["certificates"]) == ["fleet"]
    # Whoever knows the microsecond is taken at their word.
    made = (await admin.house.log_of(admin.account_id))[-3]
    assert (made.action, made.time.microsecond % 1000 > 0) == ("certificate.upload", True)
    for step, expected in ((0, ["fleet"]), (-1, [])):
        instant = made.time + timedelta(microseconds=step)
        assert names_of((await admin(CERTIFICATES, asOf=at(instant)))["certificates"]) == expected


def names_of(connection: Data) -> list[str]:
    return [edge["node"]["name"] for edge in connection["edges"]]


async def test_the_answer_names_the_checkpoint_that_covers_it(house: House, admin: Caller, tmp_path: Path) -> None:
    notary = await started(house.database, tmp_path)
    notary.clock = house.clock
    await admin.upload("one")
    then = now(admin)
    pending = (await admin(CERTIFICATES, asOf=at(then)))["certificates"]["asOf"]
    assert (pending["treeSize"], pending["checkpoint"]) == (None, None)
    await sign_all(notary)
    held = await tree.newest(house.database.reads)
    assert held is not None
    covered = (await admin(CERTIFICATES, asOf=at(then)))["certificates"]["asOf"]
    checkpoint = covered["checkpoint"]
    assert (checkpoint["treeSize"], checkpoint["rootHash"]) == (held.size, held.root.hex())
    VerifierKey.parse(held.vkey).require_signed(Note.parse(checkpoint["signedNote"]))
    # Everybody who has the checkpoint can ask for the same again, by the size that it names.
    await admin.upload("two")
    await sign_all(notary)
    for size in (covered["treeSize"], checkpoint["treeSize"]):
        found = (await admin(CERTIFICATES, asOf={"treeSize": size}))["certificates"]
        assert names_of(found) == ["one"]
        assert found["asOf"]["checkpoint"] == checkpoint
        assert found["asOf"]["treeSize"] == size
        assert (await admin(ACCOUNT, asOf={"treeSize": size}))["account"]["certificateQuota"]["used"] == 1
    assert found["asOf"]["time"] == checkpoint["signedAt"]


async def test_before_there_was_an_account_there_is_nothing(house: House, admin: Caller, tmp_path: Path) -> None:
    await admin.upload("fleet")
    await sign_all(await started(house.database, tmp_path))
    for as_of in (at(AT - timedelta(days=1)), {"treeSize": 0}):
        assert (await admin(ACCOUNT, asOf=as_of))["account"] is None
        found = (await admin(CERTIFICATES, asOf=as_of))["certificates"]
        assert (found["totalCount"], found["edges"]) == (0, [])
    assert found["asOf"]["treeSize"] == 0


@pytest.mark.parametrize(
    ("as_of", "code"),
    [
        ({"time": (AT + timedelta(days=1)).isoformat()}, "HISTORY_UNAVAILABLE"),
        ({"treeSize": 1}, "HISTORY_UNAVAILABLE"),
        ({"treeSize": -1}, "BAD_USER_INPUT"),
    ],
)
async def test_a_point_that_is_none_is_refused(admin: Caller, as_of: Data, code: str) -> None:
    for document in (ACCOUNT, CERTIFICATES):
        assert await admin.refusal(document, asOf=as_of) == code


@pytest.mark.parametrize("as_of", ["{}", "{time: null}", '{time: "2026-06-01T12:00:00Z", treeSize: 1}'])
async def test_a_point_is_named_in_exactly_one_way(admin: Caller, as_of: str) -> None:
    result = await admin.execute(f"{{ account(asOf: {as_of}) {{ id }} }}")
    assert result.errors is not None
    assert "AsOf" in result.errors[0].message


async def test_null_is_now(admin: Caller) -> None:
    await admin.upload("fleet")
    for as_of in ("", "(asOf: null)"):
        data = await admin(f"{{ account{as_of} {{ asOf {{ time }} }} certificates{as_of} {{ asOf {{ time }} }} }}")
        assert data == {"account": {"asOf": None}, "certificates": {"asOf": None}}
    assert await entries(admin, action=["AUDIT_READ"]) == [(await entries(admin, action=["AUDIT_READ"]))[0]]


async def test_looking_into_the_past_is_reading_the_log(admin: Caller) -> None:
    await admin.upload("fleet")
    then = at(now(admin))
    await admin(ACCOUNT, asOf=then)
    await admin(CERTIFICATES, asOf=then)
    viewer = await admin.key(Role.VIEWER)
    for document in (ACCOUNT, CERTIFICATES):
        await viewer(document)
        assert await viewer.refusal(document, asOf=then) == "FORBIDDEN"
    gateway = await admin.key(Role.GATEWAY)
    assert await gateway.refusal(CERTIFICATES, asOf=then) == "FORBIDDEN"
    found = await entries(admin, action=["AUDIT_READ"])
    assert [(entry["targetName"], entry["outcome"], entry["code"]) for entry in found[:-1]] == [
        ("account.asOf", "SUCCEEDED", None),
        ("certificates.asOf", "SUCCEEDED", None),
        ("account.asOf", "REFUSED", "FORBIDDEN"),
        ("certificates.asOf", "REFUSED", "FORBIDDEN"),
    ]


async def test_an_auditor_sees_the_past_of_the_own_account_alone(admin: Caller, stranger: Caller) -> None:
    await admin.upload("mine")
    await stranger.upload("theirs")
    auditor = await admin.key(Role.AUDITOR)
    assert names_of((await auditor(CERTIFICATES, asOf=at(now(admin))))["certificates"]) == ["mine"]


async def test_what_happened_since_can_be_read_from_a_past_certificate(admin: Caller) -> None:
    made = await admin.upload("fleet")
    then = now(admin)
    await admin(DELETE, input={"id": made["id"]})
    document = """query($asOf: AsOf) { certificates(asOf: $asOf) { edges { node {
      id createdBy { displayName } auditEvents { totalCount edges { node { action target { __typename } } } }
    } } } }"""
    (edge,) = (await admin(document, asOf=at(then)))["certificates"]["edges"]
    assert edge["node"]["createdBy"] == {"displayName": "first key"}
    actions = [event["node"]["action"] for event in edge["node"]["auditEvents"]["edges"]]
    assert actions == ["CERTIFICATE_DELETE", "CERTIFICATE_UPLOAD"]
    assert edge["node"]["auditEvents"]["edges"][0]["node"]["target"] is None
