"""One statement per list and relation, however many rows there are."""

import pytest

from app.terms import JobKind
from app.transport.graphql.scalars import write_instant
from tests.connecting import Gateway, device
from tests.enrolling import csv_of, identity, worked_off
from tests.house import House
from tests.looking import look
from tests.rules.authority import chain_of_three, make
from tests.transport.graphql.callers import Caller, account
from tests.transport.graphql.claims import Claim
from tests.transport.graphql.furnished import CLAIM, SET_STATUS, renewals

# Each document, and the statements that it costs. A list of the log costs three: entries, bodies, disclosures. What the
# door does to record that the log is read is not among them.
COSTS = {
    "{ certificates(first: 100) { edges { node { id name } } } }": 1,
    "{ certificates(first: 100) { totalCount edges { node { id } } } }": 2,
    "{ certificates(first: 100) { edges { node { chain { subject } pem } } } }": 2,
    "{ certificates(first: 100) { edges { node { findings { code relatedCertificate { name } } } } } }": 4,
    "{ certificates(first: 100) { edges { node { chain { subject } findings { code since } } } } }": 4,
    # The related certificates are on the page, and are read with it.
    "{ certificates(first: 100) { edges { node { findings { relatedCertificate { chain { subject } } } } } } }": 4,
    "{ certificates(first: 100) { edges { node { createdBy { displayName } } } } }": 4,
    "{ certificates(first: 100) { edges { node { possessionChallenge { text attemptsLeft } } } } }": 2,
    "{ certificates(first: 100) { edges { node { possessionChallenge { signatureCommands } } } } }": 3,
    "{ certificates(first: 100) { edges { node { createdBy { apiKey { name } } } } } }": 5,
    "{ certificates(first: 100) { edges { node { auditEvents(first: 5) { edges { node { action } } } } } } }": 4,
    "{ certificates(first: 100) { edges { node { auditEvents(last: 2) { totalCount edges { cursor } } } } } }": 5,
    "{ auditEvents(first: 100) { edges { node { action actor { displayName } changes { field } } } } }": 3,
    "{ auditEvents(first: 100) { totalCount edges { node { action } } } }": 4,
    "{ auditEvents(filterBy: {action: [CERTIFICATE_UPLOAD]}) { edges { node { target { __typename } } } } }": 4,
    "{ auditEvents(first: 100) { edges { node { actor { apiKey { name } } } } } }": 4,
    "{ apiKeys(first: 100) { edges { node { name } } } }": 1,
    "{ apiKeys(first: 100) { totalCount edges { node { name } } } }": 2,
    "{ enrollments(first: 100) { edges { node { id identity status } } } }": 1,
    "{ enrollments(first: 100, filterBy: {status: [WAITING]}) { totalCount edges { node { id } } } }": 2,
    "{ jobs(first: 100) { edges { node { id status } } } }": 1,
    "{ jobs(first: 100) { totalCount edges { node { errors(first: 5) { edges { node { line code } } } } } } }": 3,
    "{ viewer { account { displayName certificateQuota { used } } actor { displayName } scopes } }": 1,
    # The point, the stragglers beside it of a clock that went back, its time, the tree, which there is not yet; then
    # the last entries of all objects, bodies, disclosures, the bytes of certificates. Of an account: its own last
    # entry, which there is not, its first one, body, disclosures, and the certificates to count.
    "{ certificates(asOf: ASOF, first: 100) { edges { node { id name } } } }": 8,
    "{ certificates(asOf: ASOF, first: 100) { totalCount asOf { checkpoint { note } } } }": 8,
    "{ certificates(asOf: ASOF, first: 100) { edges { node { chain { subject } pem findings { code } } } } }": 8,
    "{ certificates(asOf: ASOF, first: 100) { edges { node { findings { relatedCertificate { pem } } } } } }": 8,
    "{ account(asOf: ASOF) { displayName certificateQuota { used } } }": 9,
    "{ account { displayName certificateQuota { used } asOf { time } } }": 1,
    '{ auditEvents(filterBy: {text: "upload"}, first: 10) { edges { node { action } } } }': 3,
    "{ health { status } }": 0,
    "{ rateLimit { cost } }": 0,
    '{ certificate(by: {name: "0"}) { name chain { subject } findings { code } } }': 4,
    "{ account { findings(first: 100) { edges { node { code since } } } } }": 2,
    "{ account { findings(first: 100) { totalCount edges { node { certificate { name } } } } } }": 4,
    "{ account { findings(first: 100) { edges { node { relatedCertificate { name } certificate { name } } } } } }": 3,
    "{ account(asOf: ASOF) { findings { edges { node { code } } } } }": 9,
    # A list of devices costs two: devices and what they were let in with. What the account trusts is in memory.
    "{ devices(first: 100) { edges { node { endpointName status suspension { at } acceptedAt lastSeenAt } } } }": 2,
    "{ devices(first: 100, filterBy: {status: [BOOTSTRAPPED]}) { totalCount edges { node { id } } } }": 3,
    "{ devices(first: 100) { edges { node { identity { subject } trustedBy { name } } } } }": 4,
    # Chains, and who is suspended and who is claimed among those whose chains would be let in.
    "{ devices(first: 100) { edges { node { identity { subject } trustDecision { reason } } } } }": 5,
    "{ devices(first: 100) { edges { node { trustDecision { certificates { name } paths { valid } } } } } }": 6,
    "{ devices(first: 100) { edges { node { auditEvents(first: 2) { edges { node { action } } } } } } }": 5,
    "{ certificates(first: 100) { edges { node { devices(first: 5) { edges { node { status } } } } } } }": 3,
    "{ certificates(first: 100) { edges { node { devices(first: 5) { totalCount edges { cursor } } } } } }": 4,
    "{ certificates(first: 100) { edges { node { devices { edges { node { trustedBy { name } } } } } } } }": 4,
    "{ certificates(first: 100) { edges { node { denials { totalCount edges { node { attempts } } } } } } }": 3,
    "{ certificates(first: 100) { edges { node { deniedAttempts suspendedDeviceCount devicesSuspendedAt } } } }": 3,
}


async def fill(caller: Caller, count: int) -> None:
    """So many pairs of certificates of one CA each, each with a device; and a blacklisted one that refused others."""
    gateway = Gateway(caller.house, caller.account_id)
    for number in range(count):
        for certificate in renewals(f"CA {number}"):
            await caller.upload(f"{len(caller.statements)}{number}{certificate.parsed.serial}", certificate)
            await gateway.let_in(device(f"device {number} {certificate.parsed.serial}", certificate))
        await Claim.made(caller, f"owned {number}")
        await caller(CLAIM, input={"identity": identity(f"{caller.account_id} {number}")})
        await worked_off(caller.house, caller.actor, JobKind.ENROLLMENT_CLAIM, csv_of(["none", "of these"]))
    await caller.upload("0", *chain_of_three())
    left = make("Left")
    left_id = (await caller.upload("left", left))["id"]
    for number in range(count):
        await gateway.let_in(device(f"left {number}", left))
    await caller(SET_STATUS, input={"id": left_id, "status": "INACTIVE"})
    for number in range(count):
        await gateway.ask(device(f"left {number}", left))
    await gateway.flush()


@pytest.fixture
async def few_and_many(house: House) -> tuple[Caller, Caller]:
    """An account with one pair of certificates, and one with ten."""
    few, many = await account(house, "few"), await account(house, "many")
    await fill(few, 1)
    await fill(many, 10)
    await look(house)
    return few, many


async def test_what_a_document_costs_does_not_depend_on_how_much_there_is(few_and_many: tuple[Caller, Caller]) -> None:
    for document, expected in COSTS.items():
        for caller in few_and_many:
            await caller(document.replace("ASOF", f'{{time: "{write_instant(caller.house.clock.now)}"}}'))
            assert len(caller.statements) == expected, (document, caller.statements)


# The account's trust is read (its version twice, records, intermediates, bytes), the certificate, and the kinds.
PREVIEWED = {
    "effectCount losingCount token": 7,
    "effects(first: 100) { deviceCount before after }": 7,
    "effects(first: 100) { certificateBefore { name } certificateAfter { name } }": 7,
    # The devices, and what they were let in with.
    "effects(first: 100) { devices(first: 5) { edges { node { endpointName } } } }": 9,
    "effects(first: 100) { devices(first: 5) { totalCount edges { node { status } } } certificateBefore { name } }": 9,
}


async def test_what_a_preview_costs_does_not_depend_on_how_many_effects_there_are(house: House) -> None:
    for count in (1, 10):
        caller = await account(house, f"with {count}")
        anchor = make("Above")
        record = (await caller.upload("above", anchor))["id"]
        gateway = Gateway(house, caller.account_id)
        for number in range(count):
            sub = make(f"Below {number}", issuer=anchor)
            await gateway.let_in(device(f"pump {number}", sub), sub)
        for asked, expected in PREVIEWED.items():
            change = f'{{ setStatus: {{ id: "{record}", status: INACTIVE }} }}'
            data = await caller(f"{{ previewCertificateChange(input: {change}) {{ effectCount {asked} }} }}")
            assert data["previewCertificateChange"]["effectCount"] == count
            assert len(caller.statements) == expected, (asked, caller.statements)


async def test_several_nodes_of_a_kind_are_one_statement(few_and_many: tuple[Caller, Caller]) -> None:
    _, many = few_and_many
    listed = await many("{ certificates(first: 100) { edges { node { id } } } }")
    ids = [edge["node"]["id"] for edge in listed["certificates"]["edges"]]
    data = await many(
        "query($ids: [ID!]!) { nodes(ids: $ids) { id ... on Certificate { name chain { subject } } } }", ids=ids
    )
    assert [node["id"] for node in data["nodes"]] == ids
    assert len(many.statements) == 2


async def test_a_fragment_is_read_ahead_of_as_its_fields_are(few_and_many: tuple[Caller, Caller]) -> None:
    document = """{ certificates(first: 100) { edges { ...Edge } } }
      fragment Edge on CertificateEdge { node { ... on Certificate { ...Whole } } }
      fragment Whole on Certificate { chain { subject } findings { code } }"""
    for caller in few_and_many:
        await caller(document)
        assert len(caller.statements) == 4


async def test_more_nodes_than_a_hundred_are_refused(admin: Caller) -> None:
    ids = [f"crt_{'0' * 32}"] * 101
    assert await admin.refusal("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=ids) == "BAD_USER_INPUT"
