"""What is to be noticed about a record as it stands, with the instants on both sides of every boundary."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from app.findings import FindingCode, Severity
from app.rules.standing import Standing, Use, standing
from app.rules.trust_store import Record, TrustStore
from app.terms import Possession, Service, Status
from tests.rules.authority import AT, Made, make, rsa_key
from tests.rules.deciding import blacklisted, decided, device, record

pytestmark = pytest.mark.once

DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)
FRESH = Use(AT)


def found(
    looked_at: Record, *others: Record, use: Use = FRESH, at: datetime = AT, remembered: tuple[Made, ...] = ()
) -> tuple[Standing, ...]:
    """What is noticed about a record beside others, when 90 days without a device are too many."""
    store = TrustStore([looked_at, *others], [made.parsed for made in remembered])
    return standing(looked_at, store, use, at=at, unused_after=90 * DAY)


def keys(noticed: tuple[Standing, ...]) -> list[tuple[str, str]]:
    return [(each.finding.code.name, each.related_id) for each in noticed]


def test_nothing_is_noticed_about_a_good_record() -> None:
    assert found(record(make())) == ()


@pytest.mark.parametrize(
    ("before_the_end", "code"),
    [
        (90 * DAY + TICK, None),
        (90 * DAY, "EXPIRES_SOON"),
        (timedelta(0), "EXPIRES_SOON"),
        (-timedelta(seconds=1) + TICK, "EXPIRES_SOON"),
        (-timedelta(seconds=1), "CERT_EXPIRED"),
    ],
)
def test_a_record_expires(before_the_end: timedelta, code: str | None) -> None:
    ca = make(not_after=AT + 200 * DAY)
    at = AT + 200 * DAY - before_the_end

    assert keys(found(record(ca), use=Use(at), at=at)) == ([] if code is None else [(code, "")])


@pytest.mark.parametrize(
    ("created", "used", "is_unused"),
    [
        (90 * DAY, None, True),
        (90 * DAY - TICK, None, False),
        (200 * DAY, 90 * DAY, True),
        (200 * DAY, 90 * DAY - TICK, False),
        # A device whose last visit is older than the record itself says nothing against it.
        (90 * DAY - TICK, 200 * DAY, False),
    ],
)
def test_a_record_is_unused_once_no_device_came_for_so_long(
    created: timedelta, used: timedelta | None, is_unused: bool
) -> None:
    use = Use(AT - created, None if used is None else AT - used)

    assert keys(found(record(make()), use=use)) == ([("UNUSED", "")] if is_unused else [])


def test_a_blacklisted_record_is_neither_unused_nor_blocked() -> None:
    use = Use(AT - 900 * DAY, has_suspended_devices=True)

    assert found(blacklisted(make(), possession=Possession.PENDING), use=use) == ()


@pytest.mark.parametrize("service", Service)
def test_a_blacklisted_record_of_the_same_ca_blocks_at_both_services(service: Service) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    mine, other = record(make(key=key)), blacklisted(make(key=key, serial=2), service=service)

    noticed = found(mine, other)

    assert keys(noticed) == [("SAME_KEY_AS", other.id), ("BLOCKED_BY", other.id)]
    assert {each.finding.severity for each in noticed} == {Severity.WARNING}
    assert noticed[1].finding.message == "“CN=Fleet CA” is blacklisted, and stands above every device of this one."


def test_a_blacklisted_ca_above_blocks_and_one_below_or_beside_does_not() -> None:
    """Root <- Upper <- Lower; Root <- Sibling. Each of them is a record."""
    root = make("Root")
    upper, sibling = make("Upper", issuer=root), make("Sibling", issuer=root)
    lower = make("Lower", issuer=upper)
    chains = {"root": (root,), "upper": (upper, root), "lower": (lower, upper, root), "sibling": (sibling, root)}

    for name, blocks in (
        ("root", {"upper", "lower", "sibling"}),
        ("upper", {"lower"}),
        ("lower", set()),
        ("sibling", set()),
    ):
        records = {each: record(*chain, name=each) for each, chain in chains.items()}
        records[name] = replace(records[name], status=Status.INACTIVE)
        blocked = {
            each for each, mine in records.items()
            if ("BLOCKED_BY", records[name].id) in keys(found(mine, *(set(records.values()) - {mine})))
        }  # fmt: skip
        assert blocked == blocks, name


def test_a_way_up_that_another_record_knows_blocks_as_the_decision_does() -> None:
    """Fleet <- Good (its chain); Fleet, with the same key, <- Bad (blacklisted), in a chain of another record's."""
    good, bad = make("Good"), make("Bad")
    fleet = make(issuer=good)
    crossed = make(issuer=bad, key=fleet.key)
    mine, across, blocking = record(fleet, good), record(crossed, bad, service=Service.LWM2M), blacklisted(bad)

    assert ("BLOCKED_BY", blocking.id) in keys(found(mine, across, blocking))
    assert ("BLOCKED_BY", blocking.id) in keys(found(mine, blocking, remembered=(crossed,)))
    assert found(mine, blocking) == ()
    for records in ((mine, across, blocking), (mine, blocking)):
        assert decided(records, device(fleet)).is_allowed is (("BLOCKED_BY", blocking.id) not in keys(found(*records)))


def test_what_is_too_complex_to_look_through_is_looked_at_by_its_own_chain() -> None:
    root = make("Root")
    fleet = make(issuer=root)
    copies = tuple(make("Root", key=root.key, serial=number) for number in range(2, 300))
    mine, blocking = record(fleet, root), blacklisted(root)

    assert ("BLOCKED_BY", blocking.id) in keys(found(mine, blocking, remembered=copies))
    assert found(mine, blacklisted(make("Other")), remembered=copies) == ()


@pytest.mark.parametrize(
    ("possession", "has_suspended_devices", "words"),
    [
        (Possession.PENDING, False, "It lets nobody in before possession of its key is proven."),
        (Possession.PENDING, True, "It lets nobody in before possession of its key is proven."),
        (Possession.PROVEN, True, "Devices that were registered through it are suspended with it."),
        (Possession.NOT_REQUIRED, True, "Devices that were registered through it are suspended with it."),
        (Possession.PROVEN, False, None),
        (Possession.NOT_REQUIRED, False, None),
    ],
)
def test_a_record_blocks_itself(possession: Possession, has_suspended_devices: bool, words: str | None) -> None:
    noticed = found(record(make(), possession=possession), use=Use(AT, has_suspended_devices=has_suspended_devices))

    assert [each.finding.message for each in noticed] == ([] if words is None else [words])
    assert keys(noticed) == ([] if words is None else [("BLOCKED_BY", "")])


def test_renewals_name_each_other_and_one_certificate_of_two_services_does_not() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    old, new = make(key=key), make(key=key, serial=2)
    one, other, again = record(old), record(new), record(old, service=Service.LWM2M)

    assert keys(found(one, other, again)) == [("SAME_KEY_AS", other.id)]
    assert keys(found(other, one, again)) == [("SAME_KEY_AS", one.id), ("SAME_KEY_AS", again.id)]


def test_a_rule_that_became_stricter_is_noticed_and_errors_come_first() -> None:
    weak = make("Weak root", key=rsa_key(1024), not_after=AT + DAY)
    chain = (make(issuer=weak, not_after=AT + DAY), weak)

    assert keys(found(record(*chain))) == [("KEY_TOO_WEAK", ""), ("EXPIRES_SOON", "")]


def test_of_one_flaw_in_several_certificates_the_first_is_said() -> None:
    root = make("Root", not_after=AT + DAY)
    (noticed,) = found(record(make(issuer=root, not_after=AT + 2 * DAY), root))

    assert (noticed.finding.code, noticed.finding.index) == (FindingCode.EXPIRES_SOON, 0)
