"""A developer certificate is a record like an uploaded one, whose key the service made, keeps encrypted, and forgets.

Seen to fail with the quota or the name not asked for, with a repetition that shows a key, and without the cascade that
deletes a key with its record.
"""

from datetime import timedelta

import pytest

from app.actor import Role
from app.errors import Forbidden, InvalidInput, NameTaken, NotFound, PrivateKeyPresent, QuotaExceeded, Refusal
from app.rules import pem, upload
from app.services.certificates import DeleteCertificate, SetCertificateStatus, UpdateCertificate
from app.services.developer_certificates import CreateDeveloperCertificate, developer_key
from app.store import reads
from app.terms import Possession, Service, Status, Tier, Usage
from tests.developed import certificate_of, key_of, run
from tests.house import ORIGIN, House, actor_of


async def test_it_is_stored_counted_and_trusted_for_bootstrap(house: House) -> None:
    account = await house.account()
    actor = actor_of(account)

    made = await house.perform(actor, house.developing("  Bench 1 ", "Three boards"))

    row = made.row
    assert (row.name, row.description, row.is_developer) == ("Bench 1", "Three boards", True)
    assert (row.service, row.usage, row.status) == (Service.BOOTSTRAP, Usage.CREDENTIALS, Status.ACTIVE)
    assert (row.possession, row.version) == (Possession.PROVEN, 1)
    assert await reads.certificates(house.database.reads, account.id, [row.id]) == {row.id: row}
    assert made.credentials is not None
    assert await reads.ders(house.database.reads, account.id, row.chain) == {
        row.fingerprint: made.credentials.certificate
    }
    certificate = certificate_of(made)
    assert [each.value for each in certificate.subject] == [account.id, row.id]
    assert certificate.not_valid_after_utc == row.expires_at == row.created_at.replace(year=2036, microsecond=0)
    after = await reads.account(house.database.reads, account.id)
    assert after is not None
    assert after.certificate_used == 1
    assert upload.examine([made.credentials.certificate], at=house.clock()).findings == ()


async def test_its_entry_says_all_that_the_record_is_and_nothing_of_the_key(house: House) -> None:
    account = await house.account()

    made = await house.develop(actor_of(account), "Bench 1")

    said = await house.last_entry(account.id)
    assert (said.action, said.result, said.target_name) == ("certificate.create", "success", "Bench 1")
    change = said.body["change"]
    assert isinstance(change, dict)
    assert change["before"] is None
    assert change["after"]["is_developer"] is True
    assert (change["after"]["id"], change["after"]["possession"]) == (made.row.id, "PROVEN")
    assert change["after"].keys() == {
        "id", "version", "name", "description", "status", "service", "usage", "possession", "fingerprint", "chain",
        "expires_at", "created_at", "updated_at", "created_by_type", "created_by_id", "created_by_entry",
        "is_developer",
    }  # fmt: skip


async def test_openssl_reads_key_and_certificate_and_they_belong_together(house: House) -> None:
    made = await house.develop(actor_of(await house.account()))
    assert made.credentials is not None

    of_key = run("openssl", "pkey", "-pubout", given=made.credentials.key.pem.encode())
    of_certificate = run(
        "openssl", "x509", "-pubkey", "-noout", given=pem.encode([made.credentials.certificate]).encode()
    )

    assert of_key == of_certificate
    assert made.credentials.key.pem.startswith("-----BEGIN PRIVATE KEY-----\n")


async def test_every_certificate_has_a_key_a_serial_and_a_name_of_its_own(house: House) -> None:
    actor = actor_of(await house.account())
    made = [await house.develop(actor, f"Bench {number}") for number in range(3)]

    assert len({key_of(one) for one in made}) == 3
    assert len({certificate_of(one).serial_number for one in made}) == 3
    assert len({certificate_of(one).subject.rfc4514_string() for one in made}) == 3


async def test_the_key_can_be_read_again_by_its_account_alone(house: House) -> None:
    account, other = await house.account(), await house.account()
    made, theirs = await house.develop(actor_of(account)), await house.develop(actor_of(other))
    connection = house.database.reads

    kept = await developer_key(connection, house.secrets_file, account.id, made.row.id)

    assert kept.der == key_of(made)
    for account_id, certificate_id in ((account.id, theirs.row.id), (other.id, made.row.id), (account.id, "f" * 32)):
        with pytest.raises(NotFound):
            await developer_key(connection, house.secrets_file, account_id, certificate_id)


async def test_an_uploaded_record_has_no_key(house: House) -> None:
    account = await house.account()
    record = await house.upload(actor_of(account))

    assert not record.is_developer
    with pytest.raises(NotFound):
        await developer_key(house.database.reads, house.secrets_file, account.id, record.id)


async def test_deleting_the_record_deletes_the_key_and_nothing_else_does(house: House) -> None:
    account = await house.account()
    actor = actor_of(account)
    made, other = await house.develop(actor, "Bench 1"), await house.develop(actor, "Bench 2")
    await house.perform(actor, SetCertificateStatus(made.row.id, Status.INACTIVE))
    await house.perform(actor, UpdateCertificate(made.row.id, name="Bench A"))
    assert (await developer_key(house.database.reads, house.secrets_file, account.id, made.row.id)).der == key_of(made)

    await house.perform(actor, DeleteCertificate(made.row.id))

    rows = await house.database.reads.fetch("SELECT certificate_id FROM developer_key")
    assert [row["certificate_id"] for row in rows] == [other.row.id]
    with pytest.raises(NotFound):
        await developer_key(house.database.reads, house.secrets_file, account.id, made.row.id)


async def test_a_repetition_is_answered_without_the_key_and_makes_nothing(house: House) -> None:
    account = await house.account()
    actor, command = actor_of(account), house.developing("Bench 1")

    first = await house.door.perform_once(actor, command, ORIGIN, "once")
    house.clock.advance(timedelta(hours=1))
    second = await house.door.perform_once(actor, command, ORIGIN, "once")

    assert first.value.credentials is not None
    assert (second.value.credentials, second.entry_id) == (None, first.entry_id)
    shown = (second.value.row.id, second.value.row.fingerprint, second.value.row.is_developer)
    assert shown == (first.value.row.id, first.value.row.fingerprint, True)
    rows = await house.database.reads.fetch("SELECT 1 AS one FROM developer_key")
    assert len(rows) == 1


async def test_every_refusal_is_one_entry_with_its_code_and_no_effect(house: House) -> None:
    account = await house.account()
    actor = actor_of(account)
    await house.upload(actor, name="Taken")
    refused: list[tuple[str, type[Refusal], CreateDeveloperCertificate]] = [
        ("NAME_TAKEN", NameTaken, house.developing("Taken")),
        ("INVALID_INPUT", InvalidInput, house.developing(" ")),
        ("INVALID_INPUT", InvalidInput, house.developing("x" * 101)),
        ("INVALID_INPUT", InvalidInput, house.developing("Bench\u202e1")),
        ("INVALID_INPUT", InvalidInput, house.developing("Bench 1", "x" * 501)),
        ("PRIVATE_KEY_PRESENT", PrivateKeyPresent, house.developing("Bench 1", "-----BEGIN PRIVATE KEY-----")),
    ]
    for code, kind, command in refused:
        before = len(await house.log_of(account.id))
        with pytest.raises(kind):
            await house.perform(actor, command)
        assert len(await house.log_of(account.id)) == before + 1
        said = await house.last_entry(account.id)
        assert (said.action, said.result, said.code) == ("certificate.create", "refused", code)
    with pytest.raises(Forbidden):
        await house.perform(actor_of(account, Role.VIEWER), house.developing("Bench 1"))
    assert await house.database.reads.fetch("SELECT 1 AS one FROM developer_key") == []
    assert not house.secrets_file.exists()


async def test_it_counts_in_the_quota_as_an_upload_does(house: House) -> None:
    account = await house.account(Tier.DEVELOPER)
    actor = actor_of(account)
    uploaded = [await house.upload(actor) for _ in range(5)]
    developed = [await house.develop(actor, f"Bench {number}") for number in range(5)]

    with pytest.raises(QuotaExceeded) as raised:
        await house.develop(actor, "Bench 6")
    assert (raised.value.limit, raised.value.used) == (10, 10)
    with pytest.raises(QuotaExceeded):
        await house.upload(actor)

    await house.perform(actor, DeleteCertificate(uploaded[0].id))
    await house.develop(actor, "Bench 6")
    await house.perform(actor, DeleteCertificate(developed[0].row.id))
    await house.upload(actor)
    with pytest.raises(QuotaExceeded):
        await house.develop(actor, "Bench 7")
