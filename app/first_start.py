"""What the first start makes: an account, an administrator, and a key, so that somebody can begin.

A secret is written to its file before the row that it opens is committed. A start that is cut off between the two goes
on with the same secret the next time, so nobody is ever locked out of a database that has only just been made.
"""

from dataclasses import dataclass
from pathlib import Path

from app import whole_files
from app.actor import Role
from app.installation import Installation
from app.passwords import MINIMUM_LENGTH, fresh_password, hash_password
from app.rules import credential
from app.rules.credential import Credential
from app.services.accounts import CreateAccount
from app.services.keys import CreateApiKey, fresh_credential
from app.services.users import CreateUser
from app.store import reads
from app.terms import Tier

ACCOUNT_NAME = "default"
USER_NAME = "admin"
KEY_NAME = "first administrator key"
OPERATION = "anchorage serve (first start)"


@dataclass(frozen=True, slots=True, repr=False)
class FirstSecrets:
    """What is shown once. The files hold the same until somebody deletes them."""

    key: str
    key_file: Path
    password: str
    password_file: Path


class UnusableSecretFile(Exception):
    """A file that should hold a secret of an unfinished first start holds something else; the message names it."""


async def first_start(installation: Installation) -> FirstSecrets | None:
    """Make account, administrator and key where the installation has none; None where it has.

    Raises UnusableSecretFile, and OSError where a file cannot be written.
    """
    key_file = installation.settings.data_dir / "admin-key"
    password_file = installation.settings.data_dir / "admin-password"
    accounts = await reads.accounts(installation.database.reads)
    origin = installation.origin(OPERATION)
    if not accounts:
        made = CreateAccount(ACCOUNT_NAME, Tier.COMMERCIAL)
        account = (await installation.door.perform(installation.operator(None), made, origin)).value
    elif len(accounts) == 1 and accounts[0].name == ACCOUNT_NAME:
        account = accounts[0]
    else:
        return None
    if await reads.count_api_keys(installation.database.reads, account.id) != 0:
        return None
    operator = installation.operator(account.id)
    password = _password(password_file)
    if not await reads.users(installation.database.reads, account.id):
        user = CreateUser(USER_NAME, Role.ADMIN, hash_password(password))
        await installation.door.perform(operator, user, origin)
    key = _credential(key_file, fresh_credential(installation.clock()))
    await installation.door.perform(operator, CreateApiKey(KEY_NAME, Role.ADMIN, key), origin)
    return FirstSecrets(key.text, key_file, password, password_file)


def _password(path: Path) -> str:
    kept = whole_files.kept(path, fresh_password())
    if len(kept) < MINIMUM_LENGTH:
        raise UnusableSecretFile(f"{path} does not hold a password: delete it, and start again.")
    return kept


def _credential(path: Path, fresh: Credential) -> Credential:
    kept = credential.read(whole_files.kept(path, fresh.text))
    if kept is None:
        raise UnusableSecretFile(f"{path} does not hold a key: delete it, and start again.")
    return kept
