"""Keys, people and accounts."""

from datetime import timedelta

import pytest

from app.actor import SCOPES, ActorType, Role, command_line
from app.errors import InvalidInput, NameTaken, NotFound, Unauthenticated
from app.passwords import fresh_password, hash_password
from app.rules.credential import Credential
from app.services.accounts import CreateAccount, SetAccountLimit, SetAccountTier
from app.services.keys import CreateApiKey, RevokeApiKey, authenticate, fresh_credential
from app.services.users import CreateUser, SetUserPassword
from app.store import reads
from app.terms import ClientCertForm, Tier
from tests.house import House, actor_of


@pytest.mark.parametrize("role", Role)
async def test_a_key_opens_its_own_account_with_its_roles_scopes(house: House, role: Role) -> None:
    account = await house.account()
    credential = fresh_credential(house.clock())

    made = await house.perform(actor_of(account), CreateApiKey("A key", role, credential))

    assert made.text == credential.text
    actor = await authenticate(house.database.reads, credential.text, house.clock())
    assert (actor.type, actor.id, actor.account_id) == (ActorType.API_KEY, made.row.id, account.id)
    assert (actor.name, actor.scopes) == ("A key", SCOPES[role])


async def test_the_log_knows_a_key_and_not_its_secret(house: House) -> None:
    account = await house.account()
    credential = fresh_credential(house.clock())

    await house.perform(actor_of(account), CreateApiKey("A key", Role.VIEWER, credential))

    (entry,) = await house.log_of(account.id)
    for secret in (credential.secret.hex(), credential.secret_sha256.hex()):
        assert secret.encode() not in entry.body


async def test_a_key_that_is_not_valid_is_refused_in_the_same_words(house: House) -> None:
    account = await house.account()
    admin = actor_of(account)
    good, revoked, expired = (fresh_credential(house.clock()) for _ in range(3))
    await house.perform(admin, CreateApiKey("good", Role.ADMIN, good))
    await house.perform(admin, CreateApiKey("revoked", Role.ADMIN, revoked))
    await house.perform(admin, RevokeApiKey(revoked.key_id))
    end = house.clock() + timedelta(hours=1)
    await house.perform(admin, CreateApiKey("expired", Role.ADMIN, expired, expires_at=end))
    await authenticate(house.database.reads, expired.text, end - timedelta(microseconds=1))
    mistyped = good.text[:-1] + ("0" if good.text[-1] != "0" else "1")
    unknown = Credential("0" * 32, bytes(32)).text
    wrong = Credential(good.key_id, bytes(32)).text

    words = set()
    for text in (mistyped, unknown, wrong, revoked.text, expired.text, "", "Bearer", "ak_"):
        with pytest.raises(Unauthenticated) as raised:
            await authenticate(house.database.reads, text, end)
        words.add(raised.value.message)

    assert len(words) == 1


async def test_a_key_is_revoked_once_and_for_good(house: House) -> None:
    account = await house.account()
    credential = fresh_credential(house.clock())
    await house.perform(actor_of(account), CreateApiKey("k", Role.VIEWER, credential))

    first = await house.perform(actor_of(account), RevokeApiKey(credential.key_id, "lost"))
    second = await house.perform(actor_of(account), RevokeApiKey(credential.key_id))

    assert first.revoked_at == second.revoked_at
    assert (await house.last_entry(account.id)).action == "api_key.revoke"


async def test_another_accounts_key_cannot_be_revoked(house: House) -> None:
    account, other = await house.account(), await house.account()
    credential = fresh_credential(house.clock())
    await house.perform(actor_of(account), CreateApiKey("k", Role.VIEWER, credential))

    with pytest.raises(NotFound):
        await house.perform(actor_of(other), RevokeApiKey(credential.key_id))
    await authenticate(house.database.reads, credential.text, house.clock())


async def test_a_key_that_would_have_expired_is_not_made(house: House) -> None:
    account = await house.account()
    past = house.clock()

    with pytest.raises(InvalidInput) as raised:
        await house.perform(actor_of(account), CreateApiKey("k", Role.VIEWER, fresh_credential(past), expires_at=past))
    assert raised.value.path == ("expiresAt",)


async def test_only_a_gateways_key_has_a_form_of_client_certificate(house: House) -> None:
    account = await house.account()
    admin = actor_of(account)
    plain = await house.perform(admin, CreateApiKey("g", Role.GATEWAY, fresh_credential(house.clock())))
    xfcc = CreateApiKey("x", Role.GATEWAY, fresh_credential(house.clock()), client_cert=ClientCertForm.XFCC)

    assert plain.row.client_cert == "rfc9440"
    assert (await house.perform(admin, xfcc)).row.client_cert == "xfcc"
    with pytest.raises(InvalidInput):
        await house.perform(
            admin,
            CreateApiKey("v", Role.VIEWER, fresh_credential(house.clock()), client_cert=ClientCertForm.PEM),
        )


async def test_a_persons_name_is_disclosed_and_their_password_is_nowhere(house: House) -> None:
    account = await house.account()
    operator = command_line(account.id, "root")
    password = fresh_password()
    hashed = hash_password(password)

    user = await house.perform(operator, CreateUser("ada@example.org", Role.ADMIN, hashed))
    await house.perform(operator, SetUserPassword("ada@example.org", hash_password(fresh_password())))

    for entry in await house.log_of(account.id):
        assert b"ada@example.org" not in entry.body
        assert hashed.encode() not in entry.body
        assert user.id in entry.disclosures
    (stored,) = await reads.users(house.database.reads, account.id)
    assert (stored.version, stored.name) == (2, "ada@example.org")
    assert stored.password_hash not in (password, hashed)


async def test_people_are_unique_in_the_installation(house: House) -> None:
    account, other = await house.account(), await house.account()
    await house.perform(command_line(account.id, "root"), CreateUser("ada", Role.VIEWER, "hash"))

    with pytest.raises(NameTaken):
        await house.perform(command_line(other.id, "root"), CreateUser("ada", Role.VIEWER, "hash"))
    with pytest.raises(NotFound):
        await house.perform(command_line(other.id, "root"), SetUserPassword("ada", "hash"))
    with pytest.raises(InvalidInput):
        await house.perform(command_line(other.id, "root"), CreateUser("gate", Role.GATEWAY, "hash"))


async def test_an_account_has_a_name_of_its_own(house: House) -> None:
    await house.account(name="Northwind")

    with pytest.raises(NameTaken):
        await house.account(name="Northwind")


async def test_only_the_operator_changes_accounts(house: House) -> None:
    account = await house.account(Tier.DEVELOPER)
    admin = actor_of(account)

    for command in (SetAccountTier(account.id, Tier.COMMERCIAL), SetAccountLimit(account.id, 9_999)):
        with pytest.raises(Exception, match="operate"):
            await house.perform(admin, command)
    with pytest.raises(Exception, match="operate"):
        await house.perform(admin, CreateAccount("mine", Tier.COMMERCIAL))
    after = await reads.account(house.database.reads, account.id)
    assert after == account


async def test_a_limit_of_its_own_survives_a_change_of_tier(house: House) -> None:
    account = await house.account()
    operator = command_line(account.id, "root")

    own = await house.perform(operator, SetAccountLimit(account.id, 200))
    same = await house.perform(operator, SetAccountTier(account.id, Tier.DEVELOPER))
    tiers = await house.perform(operator, SetAccountLimit(account.id, None))

    assert [each.certificate_limit for each in (own, same, tiers)] == [200, 200, 10]
    assert [each.version for each in (own, same, tiers)] == [2, 3, 4]


async def test_an_account_that_does_not_exist_is_not_found(house: House) -> None:
    with pytest.raises(NotFound):
        await house.perform(command_line("0" * 32, "root"), SetAccountTier("0" * 32, Tier.DEVELOPER))
