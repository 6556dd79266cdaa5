"""Pages of lists: complete, in order, and undisturbed by rows that come and go."""

from datetime import timedelta
from typing import Any

import pytest

from app.actor import Role
from tests.rules.authority import AT, make
from tests.transport.graphql.callers import Caller, Data
from tests.transport.graphql.furnished import UPDATE

LIST = """
query List(
  $filterBy: CertificateFilter, $orderBy: CertificateOrder! = {field: CREATED_AT, direction: DESC},
  $first: Int, $after: String, $last: Int, $before: String
) {
  certificates(filterBy: $filterBy, orderBy: $orderBy, first: $first, after: $after, last: $last, before: $before) {
    totalCount
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    edges { cursor node { id name } }
  }
}
"""
LOG = """
query Log($direction: OrderDirection! = DESC, $first: Int, $after: String, $last: Int, $before: String) {
  auditEvents(direction: $direction, first: $first, after: $after, last: $last, before: $before) {
    totalCount
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    edges { cursor node { id sequence } }
  }
}
"""
KEYS = """
query Keys($first: Int, $after: String, $last: Int, $before: String) {
  apiKeys(first: $first, after: $after, last: $last, before: $before) {
    totalCount
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    edges { cursor node { id name } }
  }
}
"""


async def page(caller: Caller, document: str, **arguments: Data) -> Data:
    """The one connection of a document."""
    (connection,) = (await caller(document, **arguments)).values()
    edges, info = connection["edges"], connection["pageInfo"]
    assert info["startCursor"] == (edges[0]["cursor"] if edges else None)
    assert info["endCursor"] == (edges[-1]["cursor"] if edges else None)
    return connection


async def walk(caller: Caller, document: str, size: int, *, backward: bool = False, **arguments: Data) -> list[Data]:
    """Every node, page by page."""
    nodes: list[Data] = []
    cursor = None
    while True:
        window = {"last": size, "before": cursor} if backward else {"first": size, "after": cursor}
        found = await page(caller, document, **window, **arguments)
        here = [edge["node"] for edge in found["edges"]]
        nodes = here + nodes if backward else nodes + here
        info = found["pageInfo"]
        if not info["hasPreviousPage" if backward else "hasNextPage"]:
            return nodes
        cursor = info["startCursor" if backward else "endCursor"]


def names(nodes: list[Data]) -> list[str]:
    return [node["name"] for node in nodes]


@pytest.fixture
async def seven(admin: Caller) -> Caller:
    """Seven certificates; in the order of their names they were made, and they expire in the reverse order."""
    for number, letter in enumerate("abcdefg"):
        await admin.upload(letter, make(letter, not_after=AT + timedelta(days=1000 - number)))
    return admin


ORDERS = [
    ("CREATED_AT", "abcdefg"),
    ("UPDATED_AT", "abcdefg"),
    ("NAME", "abcdefg"),
    ("EXPIRES_AT", "gfedcba"),
]


@pytest.mark.parametrize(("field", "ascending"), ORDERS)
async def test_every_order_is_walked_completely_in_both_directions(seven: Caller, field: str, ascending: str) -> None:
    for direction, expected in (("ASC", list(ascending)), ("DESC", list(reversed(ascending)))):
        order = {"field": field, "direction": direction}
        for size in (1, 3, 7):
            assert names(await walk(seven, LIST, size, orderBy=order)) == expected
            assert names(await walk(seven, LIST, size, backward=True, orderBy=order)) == expected


async def test_a_page_says_what_lies_on_either_side(seven: Caller) -> None:
    first = await page(seven, LIST, first=3)
    assert names([edge["node"] for edge in first["edges"]]) == ["g", "f", "e"]
    assert (first["pageInfo"]["hasPreviousPage"], first["pageInfo"]["hasNextPage"]) == (False, True)
    middle = await page(seven, LIST, first=3, after=first["pageInfo"]["endCursor"])
    assert (middle["pageInfo"]["hasPreviousPage"], middle["pageInfo"]["hasNextPage"]) == (True, True)
    between = await page(seven, LIST, after=first["edges"][0]["cursor"], before=middle["edges"][1]["cursor"])
    assert names([edge["node"] for edge in between["edges"]]) == ["f", "e", "d"]
    assert first["totalCount"] == middle["totalCount"] == 7


async def test_the_default_page_has_twenty_items(admin: Caller) -> None:
    for number in range(21):
        await admin.upload(f"{number}")
    found = await page(admin, LIST)
    assert len(found["edges"]) == 20
    assert found["pageInfo"]["hasNextPage"]


async def test_rows_that_come_and_go_are_neither_repeated_nor_skipped(seven: Caller) -> None:
    found = await page(seven, LIST, first=3)
    edges = {edge["node"]["name"]: edge for edge in found["edges"]}
    await seven.upload("new")
    # Also the row that the cursor names may go.
    for letter in "ef":
        await seven(
            "mutation($id: ID!) { deleteCertificate(input: {id: $id}) { deletedId } }", id=edges[letter]["node"]["id"]
        )
    rest = await page(seven, LIST, first=10, after=found["pageInfo"]["endCursor"])
    assert names([edge["node"] for edge in rest["edges"]]) == ["d", "c", "b", "a"]
    back = await page(seven, LIST, last=10, before=found["pageInfo"]["endCursor"])
    assert names([edge["node"] for edge in back["edges"]]) == ["new", "g"]


async def test_a_row_that_moves_is_found_where_it_moved_to(seven: Caller) -> None:
    order = {"field": "UPDATED_AT", "direction": "ASC"}
    found = await page(seven, LIST, first=2, orderBy=order)
    (a, _) = [edge["node"]["id"] for edge in found["edges"]]
    await seven('mutation($id: ID!) { updateCertificate(input: {id: $id, name: "z"}) { certificate { id } } }', id=a)
    rest = await page(seven, LIST, first=10, after=found["pageInfo"]["endCursor"], orderBy=order)
    assert names([edge["node"] for edge in rest["edges"]]) == ["c", "d", "e", "f", "g", "z"]


async def test_the_log_is_walked_completely_in_both_directions(admin: Caller) -> None:
    for letter in "abcd":
        await admin.upload(letter)
    newest = (await page(admin, LOG, first=1))["edges"][0]["node"]["sequence"]
    entries = await walk(admin, LOG, 3, direction="ASC")
    sequences = [entry["sequence"] for entry in entries]
    assert sequences == list(range(1, len(sequences) + 1))
    assert newest < sequences[-1]
    # A walk leaves entries of its own behind, and one from the newest back does not meet them.
    backwards = [entry["sequence"] for entry in await walk(admin, LOG, 3)]
    assert backwards == list(range(backwards[0], 0, -1))
    assert [entry["sequence"] for entry in await walk(admin, LOG, 4, backward=True)][-1] == 1


OWN_LOG = """
query OwnLog($id: ID!, $first: Int, $after: String, $last: Int, $before: String) {
  certificate(by: {id: $id}) {
    auditEvents(first: $first, after: $after, last: $last, before: $before) {
      totalCount
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      edges { cursor node { id sequence targetName } }
    }
  }
}
"""


async def test_the_log_of_one_certificate_is_walked_completely_in_both_directions(admin: Caller) -> None:
    made = await admin.upload("a")
    await admin.upload("other")
    for name in "bcdef":
        await admin(UPDATE, input={"id": made["id"], "name": name})

    async def own(caller: Caller, **arguments: Data) -> Data:
        return (await caller(OWN_LOG, id=made["id"], **arguments))["certificate"]["auditEvents"]

    for size in (1, 4, 6):
        forward, backward = list[str](), list[str]()
        window: dict[str, Any] = {"first": size}
        while True:
            found = await own(admin, **window)
            assert found["totalCount"] == 6
            forward += [edge["node"]["targetName"] for edge in found["edges"]]
            if not found["pageInfo"]["hasNextPage"]:
                break
            window = {"first": size, "after": found["pageInfo"]["endCursor"]}
        window = {"last": size}
        while True:
            found = await own(admin, **window)
            backward = [edge["node"]["targetName"] for edge in found["edges"]] + backward
            if not found["pageInfo"]["hasPreviousPage"]:
                break
            window = {"last": size, "before": found["pageInfo"]["startCursor"]}
        assert forward == backward == list("fedcba")


async def test_keys_are_listed_newest_first(admin: Caller) -> None:
    for role in (Role.VIEWER, Role.AUDITOR):
        # Within a millisecond, ids are in no order.
        admin.house.clock.advance(timedelta(milliseconds=1))
        await admin.key(role, role.value)
    for size in (1, 2, 3):
        assert names(await walk(admin, KEYS, size)) == ["auditor", "viewer", "first key"]
        assert names(await walk(admin, KEYS, size, backward=True)) == ["auditor", "viewer", "first key"]
    assert (await page(admin, KEYS, first=1))["totalCount"] == 3


@pytest.mark.parametrize(
    ("filter_by", "expected"),
    [
        ({"status": ["INACTIVE"]}, ["b"]),
        ({"status": ["INACTIVE", "ACTIVE"]}, ["a", "b", "c"]),
        ({"status": []}, []),
        ({"service": ["LWM2M"]}, ["c"]),
        ({"usage": ["THIRD_PARTY_CA"]}, ["c"]),
        ({"possession": ["PENDING"]}, ["b"]),
        ({"text": "FLEET b"}, ["b"]),
        ({"text": "deScription"}, ["a"]),
        ({"text": "100%"}, []),
        ({"text": "_"}, []),
        ({"text": ""}, ["a", "b", "c"]),
        ({"expires": {"start": "2026-06-11T12:00:00Z", "end": "2026-06-12T12:00:00Z"}}, ["a"]),
        ({"expires": {"end": "2026-06-11T12:00:00Z"}}, []),
        ({"expires": {"start": "2026-06-12T12:00:00Z"}}, ["b", "c"]),
        ({"status": ["ACTIVE"], "service": ["BOOTSTRAP"]}, ["a"]),
        ({"status": None, "expires": None}, ["a", "b", "c"]),
    ],
)
async def test_a_filter_narrows_the_list_and_its_count(admin: Caller, filter_by: Any, expected: list[str]) -> None:
    day = timedelta(days=1)
    await admin.upload("a", make("fleet a", not_after=AT + 10 * day), description="A description.")
    b = await admin.upload("b", make("Fleet B", not_after=AT + 11 * day), usage="CREDENTIALS")
    await admin.upload("c", make("fleet c", not_after=AT + 12 * day), usage="THIRD_PARTY_CA", service="LWM2M")
    await admin(
        "mutation($id: ID!) { setCertificateStatus(input: {id: $id, status: INACTIVE}) { errors { __typename } } }",
        id=b["id"],
    )
    found = await page(admin, LIST, filterBy=filter_by, orderBy={"field": "NAME", "direction": "ASC"})
    assert names([edge["node"] for edge in found["edges"]]) == expected
    assert found["totalCount"] == len(expected)
