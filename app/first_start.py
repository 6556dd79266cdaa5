"""What the first start makes: an account, an administrator, and a key, so that somebody can begin.

A secret is written to its file before the row that it opens is committed. A start that is cut off between the two goes
on with the same secret the next time, so nobody is ever locked out of a database that has only just been made.
"""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

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
SECRET_MODE = 0o600


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
    kept = _kept(path, fresh_password())
    if len(kept) < MINIMUM_LENGTH:
        raise UnusableSecretFile(f"{path} does not hold a password: delete it, and start again.")
    return kept


def _credential(path: Path, fresh: Credential) -> Credential:
    kept = credential.read(_kept(path, fresh.text))
    if kept is None:
        raise UnusableSecretFile(f"{path} does not hold a key: delete it, and start again.")
    return kept


def _kept(path: Path, fresh: str) -> str:
    """What the file holds, or the fresh secret, which it then holds. It is there whole or not at all."""
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, SECRET_MODE)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{fresh}\n")
            file.flush()
            os.fsync(file.fileno())
        # Not a renaming, which would replace the file of another start.
        path.hardlink_to(unfinished)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    finally:
        unfinished.unlink()
    return fresh
