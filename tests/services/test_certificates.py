"""What may be done with records, and what each act leaves in the log and in the account."""

from datetime import timedelta

import pytest

from app.actor import command_line
from app.errors import (
    CertificateRejected,
    DuplicateCertificate,
    InvalidInput,
    NameTaken,
    PrivateKeyPresent,
    QuotaExceeded,
    Refusal,
)
from app.services.accounts import Feature, SetAccountFeature, SetAccountLimit, SetAccountTier
from app.services.certificates import DeleteCertificate, SetCertificateStatus
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


async def test_the_entry_of_an_upload_says_all_that_the_record_is(house: House) -> None:
    account = await house.account()
    actor = actor_of(account)
    root = make("Root")
    fleet = make("Fleet", issuer=root)

    record = await house.perform(actor, upload_of(root, fleet, name="Plant 1", description="Meters"))

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
    """At a time: a deletion frees a place, and a blacklisting does not.

    The seed: "A developer account can manage up to 10 trusted certificates (including developer certificates) at a
    time. A commercial account can manage up to 50."
    """
    account = await house.account(tier)
    actor = actor_of(account)
    services = list(Service) * (limit // 2)
    records = [await house.upload(actor, service=service) for service in services]
    for record in records[:2]:
        await house.perform(actor, SetCertificateStatus(record.id, Status.INACTIVE))

    with pytest.raises(QuotaExceeded) as raised:
        await house.upload(actor)
    assert (raised.value.limit, raised.value.used) == (limit, limit)

    for record in records[1:3]:
        await house.perform(actor, DeleteCertificate(record.id))
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
