"""Changing, blacklisting, enabling and deleting records."""

import pytest

from app.errors import DeleteWouldUnblock, NameTaken, NotFound, VersionConflict
from app.services.certificates import DeleteCertificate, SetCertificateStatus, UpdateCertificate
from app.store import reads
from app.terms import Service, Status
from tests.house import House, actor_of, upload_of
from tests.rules.authority import make


async def test_a_status_follows_the_other_with_its_reason(house: House) -> None:
    account = await house.account()
    actor = actor_of(account)
    record = await house.upload(actor)

    blocked = await house.perform(actor, SetCertificateStatus(record.id, Status.INACTIVE, "key leaked"))
    said = await house.last_entry(account.id)
    enabled = await house.perform(actor, SetCertificateStatus(record.id, Status.ACTIVE, expected_version=2))

    assert (blocked.status, blocked.version) == (Status.INACTIVE, 2)
    assert (enabled.status, enabled.version) == (Status.ACTIVE, 3)
    assert said.body["reason"] == "key leaked"
    assert said.target_name == record.name


async def test_the_status_that_it_has_changes_nothing_and_is_recorded(house: House) -> None:
    account = await house.account()
    actor = actor_of(account)
    record = await house.upload(actor)

    same = await house.perform(actor, SetCertificateStatus(record.id, Status.ACTIVE))

    assert same == record
    said = await house.last_entry(account.id)
    assert (said.action, said.result) == ("certificate.set_status", "success")


async def test_name_and_description_change_and_what_is_absent_stays(house: House) -> None:
    account = await house.account()
    actor = actor_of(account)
    record = await house.upload(actor, name="Before", description="Kept")

    renamed = await house.perform(actor, UpdateCertificate(record.id, name="After"))
    emptied = await house.perform(actor, UpdateCertificate(record.id, description=None))

    assert (renamed.name, renamed.description, renamed.version) == ("After", "Kept", 2)
    assert (emptied.name, emptied.description, emptied.version) == ("After", None, 3)
    page = await reads.certificate_named(house.database.reads, account.id, "After")
    assert page == emptied


async def test_a_name_is_free_again_after_its_record_is_gone(house: House) -> None:
    account = await house.account()
    actor = actor_of(account)
    record = await house.upload(actor, name="Plant")
    other = await house.upload(actor, name="Other")

    with pytest.raises(NameTaken):
        await house.perform(actor, UpdateCertificate(other.id, name="Plant"))
    await house.perform(actor, DeleteCertificate(record.id))

    assert (await house.perform(actor, UpdateCertificate(other.id, name="Plant"))).name == "Plant"


async def test_a_stale_version_changes_nothing(house: House) -> None:
    account = await house.account()
    actor = actor_of(account)
    record = await house.upload(actor)
    await house.perform(actor, SetCertificateStatus(record.id, Status.INACTIVE))

    for command in (
        SetCertificateStatus(record.id, Status.ACTIVE, expected_version=1),
        UpdateCertificate(record.id, name="New", expected_version=1),
        DeleteCertificate(record.id, expected_version=1),
    ):
        with pytest.raises(VersionConflict) as raised:
            await house.perform(actor, command)
        assert raised.value.target_id == record.id
        assert (await house.last_entry(account.id)).code == "VERSION_CONFLICT"
    stored = await reads.certificates(house.database.reads, account.id, [record.id])
    assert (stored[record.id].version, stored[record.id].status) == (2, Status.INACTIVE)


async def test_another_accounts_record_is_as_one_that_does_not_exist(house: House) -> None:
    account, other = await house.account(), await house.account()
    record = await house.upload(actor_of(account))
    answers = []

    for certificate_id in (record.id, "0" * 32):
        for command in (
            SetCertificateStatus(certificate_id, Status.INACTIVE),
            UpdateCertificate(certificate_id, name="Mine"),
            DeleteCertificate(certificate_id),
        ):
            with pytest.raises(NotFound) as raised:
                await house.perform(actor_of(other), command)
            answers.append((raised.value.message, raised.value.path))

    assert answers[:3] == answers[3:]
    stored = await reads.certificates(house.database.reads, account.id, [record.id])
    assert stored[record.id] == record


async def test_deleting_a_blacklisted_record_asks_where_another_would_admit_its_devices(house: House) -> None:
    account = await house.account()
    actor = actor_of(account)
    root = make("Root")
    fleet = make("Fleet", issuer=root)
    below = make("Line", issuer=fleet)
    unrelated = await house.upload(actor)
    blocked = await house.perform(actor, upload_of(fleet, root))
    await house.perform(actor, SetCertificateStatus(blocked.id, Status.INACTIVE))
    await house.perform(actor, DeleteCertificate(blocked.id))  # nothing else would admit its devices

    for admitting in (upload_of(root), upload_of(below, fleet, root), upload_of(fleet, root, service=Service.LWM2M)):
        blocked = await house.perform(actor, upload_of(fleet, root))
        await house.perform(actor, SetCertificateStatus(blocked.id, Status.INACTIVE))
        other = await house.perform(actor, admitting)
        with pytest.raises(DeleteWouldUnblock) as raised:
            await house.perform(actor, DeleteCertificate(blocked.id))
        assert other.name in raised.value.message
        await house.perform(actor, SetCertificateStatus(other.id, Status.INACTIVE))
        await house.perform(actor, DeleteCertificate(blocked.id))
        await house.perform(actor, DeleteCertificate(other.id, confirm_unblock=True))
    assert await reads.certificates(house.database.reads, account.id, [unrelated.id])


async def test_a_confirmed_deletion_lifts_the_block(house: House) -> None:
    account = await house.account()
    actor = actor_of(account)
    root = make("Root")
    blocked = await house.perform(actor, upload_of(make("Fleet", issuer=root), root))
    await house.perform(actor, SetCertificateStatus(blocked.id, Status.INACTIVE))
    await house.perform(actor, upload_of(root))

    gone = await house.perform(actor, DeleteCertificate(blocked.id, confirm_unblock=True))

    assert gone.id == blocked.id
    assert await reads.certificates(house.database.reads, account.id, [blocked.id]) == {}
