"""Runs the application: its socket, its processes, and an end that comes in time."""

import asyncio
import errno
import gc
import resource
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import structlog
from starlette.applications import Starlette
from starlette.types import Message, Receive, Scope, Send
from structlog.typing import FilteringBoundLogger
from uvicorn.server import Server
from uvicorn.supervisors.multiprocess import Multiprocess

from app.errors import StoreUnavailable
from app.main import create_app, parts_of
from app.settings import PREFIX, LogFormat, Settings
from app.store.connection import CannotOpen
from app.store.url import sqlite_path
from app.transport.guard import Bounds, GuardedConfig, GuardedProtocol
from app.transport.log_lines import SERVER, configure
from app.watchdog import Watchdog, end_after

KEEP_ALIVE_SECONDS = 5
MESSAGE_BYTES = 65_536
CLOSE_SECONDS = 5.0
"""For writing what is counted and closing the database, once the requests are done or were given up."""
READY_SECONDS = 60.0
FILES_LIMIT = 65_536
WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # shown, not bound

Listening = Callable[[str], None]
"""Hears the address once requests are answered there."""
Build = Callable[[Settings], Starlette]

_log: FilteringBoundLogger = structlog.get_logger(SERVER)


class CannotServe(Exception):
    """The server cannot start as the settings ask; the message is a sentence for whoever runs the program."""


def listen(
    settings: Settings, *, listening: Listening | None = None, build: Build = create_app, bounds: Bounds | None = None
) -> None:
    """Serve until the process is told to stop (SIGTERM, SIGINT), then finish what is in flight.

    The process is meant to end with it: it is ended, with status 70, where finishing takes longer than
    `settings.drain_seconds` and CLOSE_SECONDS. `listening` hears the true address, also where the port is 0.

    Raises CannotServe, CannotOpen or StoreUnavailable where it cannot start.
    """
    if settings.workers > 1 and sqlite_path(settings.store_url) is not None:
        raise CannotServe(
            f"{PREFIX}WORKERS is {settings.workers}: SQLite is for one process. For more, move to PostgreSQL"
            f" ({PREFIX}DATABASE_URL=postgres://…), or set {PREFIX}WORKERS to 1."
        )
    configure(settings.log_format)
    _allow_many_files()
    bound = _bind(settings.host, settings.port)
    url = _url(settings.host, bound.getsockname()[1])

    def ready() -> None:
        _log.info("listening", url=url, workers=settings.workers)
        if listening is not None:
            listening(url)

    starter = _Starter(settings, build)
    config = _config(starter, bounds or replace(Bounds(), connections=settings.max_connections))
    try:
        if settings.workers > 1:
            _run_workers(config, bound, ready)
        else:
            _run_here(config, bound, ready, starter)
    finally:
        bound.close()


def _run_here(config: GuardedConfig, bound: socket.socket, ready: Callable[[], None], starter: "_Starter") -> None:
    try:
        _Server(config, ready).run(sockets=[bound])
    except KeyboardInterrupt:
        # Ctrl-C, raised once more by uvicorn after everything was finished.
        return
    except SystemExit:
        # uvicorn's way to say that the application did not start.
        if starter.failures:
            raise starter.failures[0] from None
        raise


def _run_workers(config: GuardedConfig, bound: socket.socket, ready: Callable[[], None]) -> None:
    bound.set_inheritable(True)
    workers = _Workers(config, bound, ready)
    workers.run()
    if not workers.came_up:
        raise CannotServe("The worker processes did not start; the lines above say why.")


class _Server(Server):
    """uvicorn's server, which says when it listens."""

    def __init__(self, config: GuardedConfig, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # The schema and the modules stay until the end: a full collection would walk over all of it, and hold every
        # request for as long.
        gc.collect()
        gc.freeze()
        self._ready()


class _Workers(Multiprocess):
    """uvicorn's supervisor of processes, which says when all of them listen."""

    def __init__(self, config: GuardedConfig, bound: socket.socket, ready: Callable[[], None]) -> None:
        super().__init__(config, [bound])
        self._ready = ready
        self.came_up = False

    def init_processes(self) -> None:
        super().init_processes()
        self.came_up = all(process.wait_until_ready(READY_SECONDS) for process in self.processes)
        if self.came_up:
            self._ready()


@dataclass(slots=True)
class _Starter:
    """Makes the application in the process that serves it; a worker gets a copy of this."""

    settings: Settings
    build: Build
    failures: list[Exception] = field(default_factory=list)

    def __call__(self) -> "_Served":
        return _Served(self.build(self.settings), self.failures)


@dataclass(slots=True)
class _Served:
    """The application, watched while it serves, and ended where its end does not come."""

    application: Starlette
    failures: list[Exception]
    _watching: asyncio.Task[None] | None = None
    _end: threading.Timer | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self.application(scope, receive, send)
            return

        async def receiving() -> Message:
            try:
                message = await receive()
            except asyncio.CancelledError:
                self._must_end()
                raise
            if message["type"] == "lifespan.shutdown":
                self._must_end()
            return message

        async def sending(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                self._watch()
            # Starlette sends a traceback along, which uvicorn would print; what went wrong is said once, below.
            message.pop("message", None)
            await send(message)

        try:
            await self.application(scope, receiving, sending)
        except (CannotOpen, StoreUnavailable, OSError) as error:
            self.failures.append(error)
            _log.error("cannot start" if self._watching is None else "cannot end", reason=str(error))
            raise

    def _watch(self) -> None:
        database = parts_of(self.application).installation.database
        self._watching = asyncio.create_task(Watchdog(database.oldest_wait_seconds).watch(), name="watchdog")

    def _must_end(self) -> None:
        if self._end is None:
            self._end = end_after(CLOSE_SECONDS, "The end of the application does not come.")


class _Config(GuardedConfig):
    """uvicorn's configuration, with our form of log lines, also in a worker."""

    log_format = LogFormat.CONSOLE

    def configure_logging(self) -> None:
        configure(self.log_format)


def _config(starter: _Starter, bounds: Bounds) -> GuardedConfig:
    settings = starter.settings
    config = _Config(
        app=starter,
        factory=True,
        interface="asgi3",
        lifespan="on",
        loop="uvloop",
        http=GuardedProtocol,
        ws="websockets-sansio",
        ws_max_size=MESSAGE_BYTES,
        ws_per_message_deflate=False,
        workers=settings.workers,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=settings.drain_seconds,
        reset_contextvars=True,
    )
    config.bounds = bounds
    config.log_format = settings.log_format
    config.configure_logging()
    return config


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except socket.gaierror:
        raise CannotServe(f"{PREFIX}HOST is {host!r}: that is no address and no known name.") from None
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        bound.close()
        raise CannotServe(_why_not(error, host, port)) from None
    return bound


def _why_not(error: OSError, host: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"Port {port} of {host} is in use: set {PREFIX}PORT to another one, or 0 for any that is free."
        case errno.EACCES:
            return f"Port {port} may not be used by this user: set {PREFIX}PORT to one above 1023."
        case errno.EADDRNOTAVAIL:
            return f"{PREFIX}HOST is {host!r}: this machine does not have that address."
        case _:
            return f"{host}:{port} cannot be listened on: {error.strerror}."


def _url(host: str, port: int) -> str:
    shown = WILDCARDS.get(host, host)
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def _allow_many_files() -> None:
    """A connection is a file; many systems allow 1,024 until one asks."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_LIMIT if hard == resource.RLIM_INFINITY else min(hard, FILES_LIMIT)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
