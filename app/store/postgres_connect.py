"""Opening one connection to PostgreSQL: the first host that writes, with deadlines that the server itself keeps."""

import asyncio
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import asyncpg
from asyncpg.connect_utils import SessionAttribute

from app.store.postgres_faults import CONNECTION_LOST

CONNECT_SECONDS = 5.0
PER_HOST_SECONDS = 1.0
"""With several hosts: a frozen one accepts the connection and then says nothing."""

STATEMENT_SECONDS = 10
CLIENT_SECONDS = STATEMENT_SECONDS + 1.0
"""For a server that does not keep its own deadline, because it is frozen or gone."""

CONNECTION_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
"""Whatever asking a server can come to, where it does not matter what exactly."""

_SETTINGS = {
    "application_name": "anchorage",
    "timezone": "UTC",
    "statement_timeout": f"{STATEMENT_SECONDS}s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "10s",
}
_READ_ONLY = {"default_transaction_read_only": "on"}


if TYPE_CHECKING:
    _AsyncpgConnection = asyncpg.Connection[asyncpg.Record]
else:
    # The stubs make it generic; the class itself is not.
    _AsyncpgConnection = asyncpg.Connection


class ServerConnection(_AsyncpgConnection):
    """A connection that tells when a commit was not replicated, and what a statement changed."""

    # asyncpg's own, which its type stubs leave out.
    if TYPE_CHECKING:
        _execute: Any
        _transport: asyncio.Transport
    _warned_in_commit = False

    async def run(self, sql: str, values: Sequence[object], timeout: float) -> tuple[list[asyncpg.Record], str]:  # noqa: ASYNC109
        """One statement's rows and its command tag (`UPDATE 3`)."""
        # `fetch` drops the tag and `execute` the rows; both are this call.
        rows, tag, _ = await self._execute(sql, values, 0, timeout, return_status=True)
        return rows, tag.decode()

    async def commit(self, before: Sequence[str]) -> bool:
        """COMMIT, after the control statements `before`; whether it is replicated as the server is set to do.

        There is no time-out: a synchronous commit whose wait is cancelled is done, visible, and gone after a failover.
        Raises TransactionRollbackError if the server rolled back instead.
        """
        self._warned_in_commit = False
        tag = await self.execute("; ".join([*before, "COMMIT"]))
        if tag != "COMMIT":
            raise asyncpg.TransactionRollbackError("the server rolled back instead")
        return not self._warned_in_commit

    @property
    def usable(self) -> bool:
        """Whether it is connected and in a transaction, which may have failed."""
        return not self.is_closed() and self.is_in_transaction()

    def itself(self) -> "ServerConnection":
        """The connection behind a pool's proxy, which refuses every question once the connection is lost."""
        return self

    def get_reset_query(self) -> str:
        """Nothing: these connections never keep session state, and it would cost a round trip at every release."""
        return ""

    def keep_alive(self) -> None:
        """Let the kernel notice a host that is gone, for the one statement that has no time-out: COMMIT."""
        connected = self._transport.get_extra_info("socket")
        if connected is None or connected.family not in (socket.AF_INET, socket.AF_INET6):
            return
        for option, value in (
            (getattr(socket, "TCP_KEEPIDLE", None), 5),
            (getattr(socket, "TCP_KEEPINTVL", None), 5),
            (getattr(socket, "TCP_KEEPCNT", None), 3),
            (getattr(socket, "TCP_USER_TIMEOUT", None), 20_000),
        ):
            if option is not None:
                connected.setsockopt(socket.IPPROTO_TCP, option, value)
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def _process_log_message(self, fields: dict[str, str], last_query: str) -> None:
        # "canceling wait for synchronous replication" has the code 01000, in whatever language the server speaks.
        if fields.get("C") == "01000":
            self._warned_in_commit = True
        super()._process_log_message(fields, last_query)  # type: ignore[misc]  # not in the stubs


async def connect(hosts: Sequence[str], *, read_only: bool = False, deadlines: bool = True) -> ServerConnection:
    """A connection to the first host that is the primary; `hosts` are URLs, one each (`app.store.url`).

    Raises what asyncpg raises for the last host tried, or OSError, or TimeoutError.
    """
    settings = dict(_SETTINGS) if deadlines else {name: _SETTINGS[name] for name in ("application_name", "timezone")}
    # A read-only session is refused as "not read-write", so ask it for what it can be.
    wanted = SessionAttribute.primary if read_only else SessionAttribute.read_write
    seconds = PER_HOST_SECONDS if len(hosts) > 1 else CONNECT_SECONDS
    last: Exception = OSError("the database URL names no host")
    for url in hosts:
        try:
            connection = await asyncpg.connect(
                url,
                timeout=seconds,
                target_session_attrs=wanted,
                server_settings=settings | (_READ_ONLY if read_only else {}),
                connection_class=ServerConnection,
            )
        except (*CONNECTION_LOST, asyncpg.TargetServerAttributeNotMatched) as error:
            last = error
            continue
        try:
            connection.keep_alive()
            await _speak_english(connection)
        except BaseException:
            # Whoever asked may have been cancelled: nobody else knows of this connection.
            connection.terminate()
            raise
        return connection
    raise last


async def _speak_english(connection: ServerConnection) -> None:
    """So that the log can be searched. Only a superuser, or whom it allowed, may."""
    try:
        await connection.execute("SET lc_messages TO 'C'", timeout=PER_HOST_SECONDS)
    except asyncpg.InsufficientPrivilegeError:
        return


async def make_pool(hosts: Sequence[str], *, size: int, read_only: bool) -> "asyncpg.Pool[asyncpg.Record]":
    """A pool that opens its connections when they are needed."""

    async def connect_one(*_: object, **__: object) -> ServerConnection:
        return await connect(hosts, read_only=read_only)

    # The arguments of asyncpg's own connect are of no use: it would spend the whole time-out on the first frozen host.
    pool: Any = asyncpg.create_pool(
        min_size=0, max_size=size, connect=connect_one, connection_class=ServerConnection, command_timeout=None
    )
    return cast("asyncpg.Pool[asyncpg.Record]", await pool)
