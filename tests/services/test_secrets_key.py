"""The key that secrets are encrypted under: made once, for one owner, and told from any other.

Seen to fail with the mode of the file not asked for, with a fresh key made where there were secrets already, and with
the account, or all of the associated data, left out of the encryption.
"""

import logging
import secrets
from collections.abc import Callable
from pathlib import Path

import pytest

from app.errors import SecretsUnavailable
from app.services.certificates import DeleteCertificate
from app.services.developer_certificates import developer_key
from app.services.secrets_key import SecretsKey, UnusableSecretsKey, secrets_key
from app.store import developer_keys
from tests.audit.owner import owning
from tests.developed import key_of
from tests.house import House, actor_of


async def test_it_is_made_with_the_first_secret_for_its_owner_alone(house: House) -> None:
    actor = actor_of(await house.account())
    await house.upload(actor)
    assert not house.secrets_file.exists()

    await house.develop(actor)

    text = house.secrets_file.read_text()
    assert len(bytes.fromhex(text)) == 32
    assert house.secrets_file.stat().st_mode & 0o777 == 0o600
    await house.develop(actor, "another")
    assert house.secrets_file.read_text() == text


async def test_one_that_is_there_is_used(house: House) -> None:
    house.secrets_file.touch(mode=0o600)
    house.secrets_file.write_text("ab" * 32)
    account = await house.account()

    made = await house.develop(actor_of(account))

    sealed = await developer_keys.developer_key(house.database.reads, account.id, made.row.id)
    assert sealed is not None
    assert sealed.secrets_key_id == SecretsKey(house.secrets_file, b"\xab" * 32).id
    assert house.secrets_file.read_text() == "ab" * 32


def gone(path: Path) -> None:
    path.unlink()


def another(path: Path) -> None:
    path.write_text(f"{secrets.token_hex(32)}\n")


def open_to_others(path: Path) -> None:
    path.chmod(0o640)


def no_key(path: Path) -> None:
    path.write_text("hunter2")


def no_text(path: Path) -> None:
    path.write_bytes(b"\xff\xfe" * 16)


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir(mode=0o700)


SPOILT = [
    (gone, "is not there, and the database holds secrets"),
    (another, "holds another key than the one"),
    (open_to_others, "may be read by others: chmod 600"),
    (no_key, "does not hold the key"),
    (no_text, "does not hold the key"),
    (a_folder, "cannot be read or made"),
]


@pytest.mark.parametrize(("spoil", "said"), SPOILT)
async def test_a_file_that_will_not_do_is_named_and_nothing_is_made(
    house: House, caplog: pytest.LogCaptureFixture, spoil: Callable[[Path], None], said: str
) -> None:
    account = await house.account()
    made = await house.develop(actor_of(account))
    spoil(house.secrets_file)
    connection = house.database.reads

    with pytest.raises(UnusableSecretsKey, match=said) as unusable:
        await secrets_key(connection, house.secrets_file)
    with caplog.at_level(logging.ERROR):
        with pytest.raises(SecretsUnavailable) as making:
            await house.develop(actor_of(account), "another")
        with pytest.raises(SecretsUnavailable) as showing:
            await developer_key(connection, house.secrets_file, account.id, made.row.id)

    assert str(house.secrets_file) in str(unusable.value)
    assert "hunter2" not in str(unusable.value)
    assert [str(unusable.value) in record.getMessage() for record in caplog.records] == [True, True]
    assert all(record.exc_info is None for record in caplog.records)
    for refusal in (making, showing):
        assert str(house.secrets_file) not in refusal.value.message
        assert "ANCHORAGE_SECRETS_KEY_FILE" in refusal.value.message
    last = await house.last_entry(account.id)
    assert (last.action, last.code) == ("certificate.create", "SECRETS_UNAVAILABLE")
    assert len(await connection.fetch("SELECT 1 AS one FROM certificate")) == 1


async def test_a_folder_that_is_not_there_is_named(house: House, tmp_path: Path) -> None:
    with pytest.raises(UnusableSecretsKey, match="No such file or directory") as unusable:
        await secrets_key(house.database.reads, tmp_path / "nowhere" / "secrets-key")
    assert f"{tmp_path}/nowhere/secrets-key" in str(unusable.value)


async def test_once_nothing_is_encrypted_any_more_another_key_will_do(house: House) -> None:
    actor = actor_of(await house.account())
    made = await house.develop(actor)
    gone(house.secrets_file)
    with pytest.raises(SecretsUnavailable):
        await house.develop(actor, "another")

    await house.perform(actor, DeleteCertificate(made.row.id))

    await house.develop(actor, "another")


@pytest.mark.parametrize("moved", ["ciphertext of another record", "ciphertext of another account", "an octet"])
async def test_what_was_moved_or_changed_in_the_database_does_not_open(
    house: House, migrated_url: str, moved: str
) -> None:
    account, other = await house.account(), await house.account()
    mine, second = [await house.develop(actor_of(account), name) for name in ("one", "two")]
    theirs = await house.develop(actor_of(other))
    source = {"ciphertext of another record": second, "ciphertext of another account": theirs}.get(moved, mine)
    connection = house.database.reads
    kept = {made.row.id: await _sealed(house, made.row.id) for made in (mine, second, theirs)}
    nonce, ciphertext = kept[source.row.id]
    if source is mine:
        ciphertext = bytes((ciphertext[0] ^ 1,)) + ciphertext[1:]
    async with owning(migrated_url) as owner:
        await owner.take_guards_away()
        await owner.execute(
            "UPDATE developer_key SET nonce = $1, ciphertext = $2 WHERE certificate_id = $3",
            nonce,
            ciphertext,
            mine.row.id,
        )
        await owner.put_guards_back()

    with pytest.raises(SecretsUnavailable) as refusal:
        await developer_key(connection, house.secrets_file, account.id, mine.row.id)
    assert "does not open" in str(refusal.value.__cause__)
    assert (await developer_key(connection, house.secrets_file, other.id, theirs.row.id)).der == key_of(theirs)


async def test_a_key_that_was_given_to_another_account_in_the_database_does_not_open(
    house: House, migrated_url: str
) -> None:
    account, other = await house.account(), await house.account()
    made = await house.develop(actor_of(account))
    async with owning(migrated_url) as owner:
        await owner.take_guards_away()
        await owner.execute("UPDATE developer_key SET account_id = $1", other.id)
        await owner.put_guards_back()

    with pytest.raises(SecretsUnavailable) as refusal:
        await developer_key(house.database.reads, house.secrets_file, other.id, made.row.id)
    assert "does not open" in str(refusal.value.__cause__)


async def _sealed(house: House, certificate_id: str) -> tuple[bytes, bytes]:
    row = await house.database.reads.fetch_one(
        "SELECT nonce, ciphertext FROM developer_key WHERE certificate_id = $1", certificate_id
    )
    assert row is not None
    return bytes(row["nonce"]), bytes(row["ciphertext"])


async def test_no_two_secrets_look_alike() -> None:
    key = SecretsKey(Path("unused"), bytes(32))
    sealed = [key.seal(b"the same", b"owner") for _ in range(50)]
    assert len({one.nonce for one in sealed}) == len({one.ciphertext for one in sealed}) == 50
    assert {key.open(one, b"owner") for one in sealed} == {b"the same"}
    assert bytes(32).hex() not in repr(key)
    assert repr(bytes(32)) not in repr(key)
