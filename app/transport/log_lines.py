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
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

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
    """What the line of a request says: `path` as it was sent, `at` the instant that the line is for."""

    at: datetime
    request_id: str
    method: str
    path: str
    status: int
    seconds: float
    actor_type: str
    actor_id: str | None
    operation: str | None = None

    def fields(self) -> dict[str, object]:
        """As they are named in the log."""
        return {
            "request_id": self.request_id,
            "method": self.method,
            "path": self.path,
            "status": self.status,
            "milliseconds": round(self.seconds * 1000, 1),
            "actor_type": self.actor_type,
            "actor_id": self.actor_id,
            "operation": self.operation,
        }


def write_requests(lines: Iterable[RequestLine]) -> None:
    """Write the lines of requests that went as they should, where they are JSON in a tenth of structlog's time."""
    written = _fast.get("stream")
    if written is not None:
        if text := "\n".join(map(_json_of, lines)):
            written.msg(text)
        return
    for line in lines:
        _requests.info("request", **line.fields())


def write_bug(line: RequestLine, bug: Exception) -> None:
    """Write the line of a request that met an error of ours."""
    _requests.error("request", **line.fields(), exc_info=bug)


def _json_of(line: RequestLine) -> str:
    said = line.fields()
    said["event"], said["level"], said["timestamp"] = "request", "info", line.at
    text = _to_json(said)
    return _KEY.sub("ak_…", text) if "ak_" in text else text


_requests: FilteringBoundLogger = structlog.get_logger(REQUESTS)
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
    return orjson.dumps(event, default=str, option=orjson.OPT_UTC_Z).decode()
