"""Which process may act for all of them, where only one should.

It saves work and proves nothing: whoever slept may believe that it still leads. What must not happen twice is
prevented by what it writes.
"""

import asyncio
import fcntl
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from app.store.postgres_connect import CONNECTION_ERRORS, ServerConnection, connect

_SECONDS = 2.0
_STANDBY = "SELECT pg_is_in_recovery()"
# The schema stands beside the name, because one database may hold several installations.
_TRY = "SELECT pg_try_advisory_lock(hashtext($1), hashtext(current_schema()))"


class Leadership(Protocol):
    """The claim of one process to lead."""

    async def hold(self) -> bool:
        """Take it or keep it; whether it is this process's now. Never raises for a database that is not there."""

    async def release(self) -> None:
        """Leave it to others."""


class FileLeadership:
    """Among the processes that share a file: the kernel lets go when the process ends, however it ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    async def hold(self) -> bool:
        """See `Leadership.hold`."""
        if self._descriptor is not None:
            return True
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    async def release(self) -> None:
        """See `Leadership.release`."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


class PostgresLeadership:
    """Among the processes of one database: a lock of a session, on a connection that is in no pool."""

    def __init__(self, hosts: Sequence[str], name: str) -> None:
        self._hosts = hosts
        self._name = name
        self._connection: ServerConnection | None = None

    async def hold(self) -> bool:
        """See `Leadership.hold`."""
        try:
            async with asyncio.timeout(_SECONDS * max(1, len(self._hosts))):
                if self._connection is not None:
                    # A lock outlives a server's fall to a standby; what it stood for does not.
                    if not await self._connection.fetchval(_STANDBY):
                        return True
                    await self.release()
                return await self._take()
        except (*CONNECTION_ERRORS, TimeoutError):
            await self.release()
            return False

    async def release(self) -> None:
        """See `Leadership.release`."""
        connection, self._connection = self._connection, None
        if connection is not None:
            # A farewell could wait for a server that is gone; the lock ends with the connection in any case.
            connection.terminate()

    async def _take(self) -> bool:
        connection = await connect(self._hosts, deadlines=False)
        try:
            taken = await connection.fetchval(_TRY, self._name) and not await connection.fetchval(_STANDBY)
        except BaseException:
            connection.terminate()
            raise
        if taken:
            self._connection = connection
        else:
            connection.terminate()
        return bool(taken)
