"""How the program's log is written: one line for one event, for people or as JSON, to standard error.

A line never holds a query, variables, a header, a body or a key. Of an exception it holds the class, the places in the
code, and the message only where our own code or the interpreter words it: other messages quote what they were given.
"""

import logging
import logging.config
import re
import sys
import traceback
from collections.abc import Iterable, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, TextIO

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from app.clock import to_text
from app.settings import LogFormat

REQUESTS = "anchorage.request"
SERVER = "anchorage.server"
FRAMES_LIMIT = 30
CAUSES_LIMIT = 5

_KEY = re.compile(r"ak_[0-9A-Za-z]+")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_WORDED_BY_THE_INTERPRETER = (
    AttributeError,
    NameError,
    ImportError,
    RecursionError,
    MemoryError,
    OSError,
    TimeoutError,
)
_THIRD_PARTIES = ("strawberry", "graphql", "asyncio", "tortoise", "aiosqlite", "asyncpg")


def configure(log_format: LogFormat, stream: TextIO | None = None) -> None:
    """Write every line of this process in this form, those of libraries too: to standard error, if to nothing else."""
    # A handler that fails would print the line's arguments as they are.
    logging.raiseExceptions = False
    shared: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _with_safe_exception,
        _without_keys,
    ]
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": [_with_safe_message, *shared],
        "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, _renderer(log_format)],
    }
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"line": formatter},
            "handlers": {
                "lines": {"class": "logging.StreamHandler", "formatter": "line", "stream": stream or sys.stderr}
            },
            "root": {"handlers": ["lines"], "level": "WARNING"},
            "loggers": {"uvicorn.access": {"handlers": [], "propagate": False}},
        }
    )
    _fast.clear()
    if log_format is LogFormat.JSON:
        _fast["stream"] = _Lines(stream or sys.stderr)
    # Our own lines do not pass through `logging`, which takes three times as long for each request.
    structlog.configure(
        processors=[*shared, _renderer(log_format)],
        logger_factory=_Lines(stream or sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=False,
    )


@dataclass(frozen=True, slots=True)
class _Lines:
    """Writes a line for each event. Nobody reads a log that cannot be written: a request does not fail for it."""

    stream: TextIO

    def __call__(self, *names: object) -> "_Lines":
        """The one logger there is, whatever it is asked for as."""
        del names
        return self

    def msg(self, line: str) -> None:
        """Write one line, at once and whole."""
        with suppress(OSError, ValueError):
            self.stream.write(f"{line}\n")
            self.stream.flush()

    debug = info = warning = error = critical = msg


class RequestLine(NamedTuple):
    """What the line of a request says that an API key sent and nothing was done for, and that was answered with 200.

    None of it needs escaping in JSON.
    """

    at: datetime
    request_id: str
    method: str
    path: str
    seconds: float
    key_id: str


def write_requests(lines: Iterable[RequestLine]) -> None:
    """Write the lines of requests as the reception would, in a tenth of its time where they are JSON."""
    written = _fast.get("stream")
    if written is not None:
        if text := "\n".join(map(_json_of, lines)):
            written.msg(text)
        return
    requests = structlog.get_logger(REQUESTS)
    for line in lines:
        requests.info(
            "request",
            request_id=line.request_id,
            method=line.method,
            path=line.path,
            status=200,
            milliseconds=round(line.seconds * 1000, 1),
            actor_type="api_key",
            actor_id=line.key_id,
            operation=None,
        )


def _json_of(line: RequestLine) -> str:
    return (
        f'{{"request_id":"{line.request_id}","method":"{line.method}","path":"{line.path}","status":200,'
        f'"milliseconds":{round(line.seconds * 1000, 1)},"actor_type":"api_key","actor_id":"{line.key_id}",'
        f'"operation":null,"event":"request","level":"info","timestamp":"{to_text(line.at)}"}}'
    )


_fast: dict[str, _Lines] = {}
"""Where lines go as JSON."""


def safe_traceback(error: BaseException) -> list[str]:
    """Classes and places of an exception and its causes, innermost last, without values."""
    lines: list[str] = []
    cause: BaseException | None = error
    for _ in range(CAUSES_LIMIT):
        if cause is None:
            break
        lines.append(_headline(cause))
        frames = traceback.extract_tb(cause.__traceback__)[-FRAMES_LIMIT:]
        lines += [f"  {frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return lines


def _headline(error: BaseException) -> str:
    name = f"{type(error).__module__}.{type(error).__qualname__}"
    ours = type(error).__module__.startswith("app.")
    if not ours and not isinstance(error, _WORDED_BY_THE_INTERPRETER) and type(error) is not TypeError:
        return name
    return f"{name}: {_UNPRINTABLE.sub(' ', str(error))[:500]}"


def _with_safe_message(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Libraries log exceptions as messages, and with them the query that they stumbled over."""
    del logger, method
    record: logging.LogRecord = event["_record"]
    event["logger"] = record.name
    if isinstance(record.msg, BaseException):
        event["event"] = f"{type(record.msg).__module__}.{type(record.msg).__qualname__}"
    elif record.name.partition(".")[0] in _THIRD_PARTIES:
        # The text before its arguments are put in.
        event["event"] = str(record.msg).splitlines()[0] if record.args else "a message of this library"
    else:
        event["event"] = _UNPRINTABLE.sub(" ", str(event["event"])).strip()
    return event


def _with_safe_exception(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    del logger, method
    given = event.pop("exc_info", None)
    event.pop("stack_info", None)
    if given is True:
        given = sys.exc_info()
    error = given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        event["exception"] = safe_traceback(error)
    return event


def _without_keys(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """A key can stand in a path, where nobody should send it; its line shows that one was there."""
    del logger, method
    for name, value in event.items():
        if isinstance(value, str) and "ak_" in value:
            event[name] = _KEY.sub("ak_…", value)
    return event


def _renderer(log_format: LogFormat) -> Processor:
    if log_format is LogFormat.JSON:
        return structlog.processors.JSONRenderer(serializer=_to_json)
    return _console


def _console(logger: WrappedLogger, method: str, event: MutableMapping[str, Any]) -> str:
    del logger, method
    exception = event.pop("exception", [])
    head = f"{event.pop('timestamp', '')} {event.pop('level', ''):<8} {event.pop('event', '')}"
    rest = " ".join(f"{name}={value}" for name, value in event.items() if value is not None)
    return "\n".join([f"{head} {rest}".rstrip(), *exception])


def _to_json(event: object, **options: object) -> str:
    del options
    return orjson.dumps(event, default=str).decode()
