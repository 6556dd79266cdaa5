"""One installation as a process holds it: the settings, the database, and the door to it."""

import getpass
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app import __version__
from app.actor import Actor, Origin, command_line
from app.audit.kept import KeptCheckpoint
from app.audit.notary import Notary
from app.clock import Clock, system_clock
from app.ids import new_id
from app.services.bulk import WANTED as JOBS
from app.services.bulk import Uploads
from app.services.door import Door, Observer, nobody
from app.services.jobs import JobRunner
from app.services.log_key import log_key
from app.services.signing import WANTED, Signing
from app.settings import PREFIX, Settings
from app.store.connection import CannotOpen
from app.store.database import Database, Role, open_database

DATA_DIR_MODE = 0o700


@dataclass(frozen=True, slots=True)
class Installation:
    """What lives as long as the process."""

    settings: Settings
    database: Database
    door: Door
    clock: Clock
    signing: Signing

    def operator(self, account_id: str | None) -> Actor:
        """Whoever runs this command, acting on one account or on the whole installation."""
        return command_line(account_id, _user_name())

    @property
    def uploads(self) -> Uploads:
        """What takes files of identities in."""
        return Uploads(self.database, self.door, self.clock)

    def job_runner(self) -> JobRunner:
        """A claim of this process to work off the jobs that wait."""
        leadership = self.database.leadership(JOBS)
        return JobRunner(self.database, self.door, self.clock, leadership, self.settings.enrollment_days)

    def origin(self, operation: str) -> Origin:
        """Where a command comes from: the command line, by its words."""
        return Origin(request_id=new_id(self.clock()), operation=operation)


def assemble(
    settings: Settings, *, role: Role, clock: Clock = system_clock, on_recorded: Observer = nobody
) -> Installation:
    """Put an installation together; its database is not open yet.

    Raises CannotOpen for a database URL that names none.
    """
    database = open_database(settings.store_url, role=role, pool_size=settings.pool_size)
    door = Door(database, clock=clock, node=settings.node, software=f"anchorage/{__version__}", on_recorded=on_recorded)
    signing = Signing(database, database.leadership(WANTED), lambda: _notary(settings, database, clock))
    return Installation(settings, database, door, clock, signing)


@asynccontextmanager
async def opened(settings: Settings, *, role: Role, clock: Clock = system_clock) -> AsyncIterator[Installation]:
    """An installation with its database open, closed at the end.

    Raises CannotOpen or StoreUnavailable.
    """
    installation = assemble(settings, role=role, clock=clock)
    await installation.database.start()
    try:
        yield installation
    finally:
        await installation.database.close()


async def _notary(settings: Settings, database: Database, clock: Clock) -> Notary | None:
    key = await log_key(database.reads, settings.key_file)
    if key is None:
        return None
    places = [KeptCheckpoint(path) for path in settings.checkpoint_files]
    return Notary(database, key, _origin(settings, key), places, clock)


def _origin(settings: Settings, key: Ed25519PrivateKey) -> str:
    """What a new log is called: what the settings say, else its address, else a name that no other log has."""
    if settings.log_origin is not None:
        return settings.log_origin
    if settings.public_url is not None:
        return f"{settings.public_url.partition('://')[2]}/log"
    return f"anchorage/{hashlib.sha256(key.public_key().public_bytes_raw()).hexdigest()[:16]}"


def ensure_data_dir(settings: Settings) -> None:
    """Make the data directory for its owner alone.

    Raises CannotOpen.
    """
    try:
        settings.data_dir.mkdir(mode=DATA_DIR_MODE, parents=True, exist_ok=True)
        # mkdir's mode is cut by the umask, and a directory that was there keeps what it had.
        os.chmod(settings.data_dir, DATA_DIR_MODE)  # noqa: PTH101  # the name of the system call is the promise
    except OSError as error:
        raise CannotOpen(
            f"{PREFIX}DATA_DIR is {str(settings.data_dir)!r}: it cannot be made a directory of this user's alone"
            f" ({error.strerror})."
        ) from error


def _user_name() -> str | None:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        # A container may run under a number that has no name.
        return None
