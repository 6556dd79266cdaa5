"""What may be done with records, and what each act leaves in the log and in the account."""

from datetime import timedelta

import pytest

from app.actor import command_line
from app.errors import (
    CertificateRejected,
    DeleteWouldUnblock,
    DuplicateCertificate,
    InvalidInput,
    NameTaken,
    NotFound,
    PrivateKeyPresent,
    QuotaExceeded,
    Refusal,
    VersionConflict,
)
from app.services.accounts import Feature, SetAccountFeature, SetAccountLimit, SetAccountTier
from app.services.certificates import DeleteCertificate, SetCertificateStatus, UpdateCertificate
from app.services.submission import Submission
from app.store import reads
from app.terms import Possession, Service, Status, Tier, Usage
from tests.house import House, actor_of, fresh_ca, upload_of
from tests.rules.authority import AT, make

PRIVATE_KEY = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0w\n-----END PRIVATE KEY-----\n"


async def test_an_upload_is_stored_counted_and_recorded(house: House) -> None:
    account = await house.account()
    actor = actor_of(account)
    root = make("Root")
    fleet = make("Fleet", issuer=root)

    record = await house.perform(actor, upload_of(root, fleet, name="  Plant 1 ", description="Meters"))

    assert record.name == "Plant 1"
    assert record.chain == (fleet.parsed.fingerprint, root.parsed.fingerprint)
    assert record.fingerprint == fleet.parsed.fingerprint
    assert (record.version, record.status, record.possession) == (1, Status.ACTIVE, Possession.PENDING)
    stored = await reads.certificates(house.database.reads, account.id, [record.id])
    assert stored == {record.id: record}
    ders = await reads.ders(house.database.reads, account.id, record.chain)
    assert set(ders.values()) == {root.der, fleet.der}
    after = await reads.account(house.database.reads, account.id)
    assert after is not None
    assert after.certificate_used == 1
    said = await house.last_entry(account.id)
    assert (said.action, said.result, said.target_name) == ("certificate.upload", "success", "Plant 1")
    assert said.body["change"] == {
        "before": None,
        "after": {
            "id": record.id,
            "version": 1,
            "name": "Plant 1",
            "description": "Meters",
            "status": "ACTIVE",
            "service": "BOOTSTRAP",
            "usage": "CREDENTIALS",
            "possession": "PENDING",
            "fingerprint": fleet.parsed.fingerprint.hex(),
            "chain": [fleet.parsed.fingerprint.hex(), root.parsed.fingerprint.hex()],
            "expires_at": "2036-05-29T12:00:00.000000Z",
            "created_at": said.body["time"],
            "updated_at": said.body["time"],
            "created_by_type": "api_key",
            "created_by_id": actor.id,
            "created_by_entry": said.body["id"],
        },
    }


@pytest.mark.parametrize(
    ("usage", "service", "required", "possession"),
    [
        (Usage.CREDENTIALS, Service.BOOTSTRAP, True, Possession.PENDING),
        (Usage.CREDENTIALS, Service.LWM2M, False, Possession.NOT_REQUIRED),
        (Usage.ENROLLMENT, Service.BOOTSTRAP, True, Possession.NOT_REQUIRED),
        (Usage.THIRD_PARTY_CA, Service.LWM2M, True, Possession.NOT_REQUIRED),
    ],
)
async def test_possession_is_asked_for_where_ownership_is_claimed(
    house: House, usage: Usage, service: Service, required: bool, possession: Possession
) -> None:
    account = await house.account()
    switch = SetAccountFeature(account.id, Feature.REQUIRE_POSSESSION, required)
    await house.perform(command_line(account.id, "root"), switch)

    record = await house.upload(actor_of(account), usage=usage, service=service)

    assert record.possession is possession


async def test_every_refused_upload_is_one_entry_with_its_code_and_no_effect(house: House) -> None:
    account = await house.account()
    actor = actor_of(account)
    await house.upload(actor, name="First")
    first_again = make("First again")
    await house.upload(actor, first_again, name="Again")
    root = make("Root")
    leaf = make("Device", issuer=root, is_ca=False, key_usage=("digital_signature",))
    refused: list[tuple[str, type[Refusal], object]] = [
        ("LEAF_IN_CHAIN", CertificateRejected, upload_of(root, leaf)),
        ("CHAIN_INCOMPLETE", CertificateRejected, upload_of(make("Sub", issuer=root))),
        ("CERT_EXPIRED", CertificateRejected, upload_of(fresh_ca(not_after=AT - timedelta(days=1)))),
        ("USAGE_SERVICE_MISMATCH", CertificateRejected, upload_of(fresh_ca(), usage=Usage.THIRD_PARTY_CA)),
        ("DUPLICATE_CERTIFICATE", DuplicateCertificate, upload_of(first_again)),
        ("NAME_TAKEN", NameTaken, upload_of(fresh_ca(), name="First")),
        ("INVALID_INPUT", InvalidInput, upload_of(fresh_ca(), name="")),
        ("INVALID_INPUT", InvalidInput, upload_of(fresh_ca(), description="x" * 501)),
        ("PRIVATE_KEY_PRESENT", PrivateKeyPresent, upload_of(fresh_ca(), name=PRIVATE_KEY[:60])),
        ("PRIVATE_KEY_PRESENT", CertificateRejected, upload_of(submission=Submission.of(PRIVATE_KEY, at=AT))),
    ]
    for code, kind, command in refused:
        before = len(await house.log_of(account.id))

        with pytest.raises(kind) as raised:
            await house.perform(actor, command)  # type: ignore[arg-type]  # a list of different commands

        assert raised.value.recorded_code == code
        log = await house.log_of(account.id)
        assert len(log) == before + 1
        said = await house.last_entry(account.id)
        assert (said.action, said.result, said.code) == ("certificate.upload", "refused", code)
        assert raised.value.entry_id == log[-1].id
        assert b"MIGHAgEAMBMG" not in log[-1].body
    after = await reads.account(house.database.reads, account.id)
    assert after is not None
    assert after.certificate_used == 2


async def test_a_duplicate_names_the_record_that_is_there(house: House) -> None:
    account = await house.account()
    ca = fresh_ca()
    record = await house.upload(actor_of(account), ca)

    with pytest.raises(DuplicateCertificate) as raised:
        await house.upload(actor_of(account), ca)

    assert raised.value.existing_id == record.id


async def test_one_ca_may_serve_both_services_and_several_accounts(house: House) -> None:
    account, other = await house.account(), await house.account()
    ca = fresh_ca()

    await house.upload(actor_of(account), ca)
    await house.upload(actor_of(account), ca, service=Service.LWM2M)
    await house.upload(actor_of(other), ca)


@pytest.mark.parametrize(("tier", "limit"), [(Tier.DEVELOPER, 10), (Tier.COMMERCIAL, 50)])
async def test_the_quota_counts_every_status_and_frees_what_is_deleted(house: House, tier: Tier, limit: int) -> None:
    account = await house.account(tier)
    actor = actor_of(account)
    records = [await house.upload(actor) for _ in range(limit)]
    await house.perform(actor, SetCertificateStatus(records[0].id, Status.INACTIVE))

    with pytest.raises(QuotaExceeded) as raised:
        await house.upload(actor)
    assert (raised.value.limit, raised.value.used) == (limit, limit)

    await house.perform(actor, DeleteCertificate(records[1].id))
    await house.upload(actor)
    with pytest.raises(QuotaExceeded):
        await house.upload(actor)


async def test_a_lowered_limit_keeps_what_is_there_and_refuses_more(house: House) -> None:
    account = await house.account()
    actor, operator = actor_of(account), command_line(account.id, "root")
    records = [await house.upload(actor) for _ in range(12)]

    await house.perform(operator, SetAccountTier(account.id, Tier.DEVELOPER))

    for record in records[:2]:
        with pytest.raises(QuotaExceeded) as raised:
            await house.upload(actor)
        assert raised.value.limit == 10
        await house.perform(actor, DeleteCertificate(record.id))
    with pytest.raises(QuotaExceeded):
        await house.upload(actor)
    await house.perform(actor, DeleteCertificate(records[2].id))
    await house.upload(actor)
    await house.perform(operator, SetAccountLimit(account.id, 11))
    await house.upload(actor)
    after = await reads.account(house.database.reads, account.id)
    assert after is not None
    assert (after.certificate_limit, after.certificate_used) == (11, 11)


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
