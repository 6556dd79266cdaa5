"""What Prometheus may ask: counts, durations and states, and nothing that names a person, a key or an account."""

from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from app import __version__
from app.services.signing import State

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
DURATIONS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The metrics of one application, in a registry of their own: two applications in a process do not mix."""

    def __init__(self, *, node: str, region: str) -> None:
        self._registry = CollectorRegistry()
        self._requests = self._counter("http_requests", "Answered HTTP requests.", "route", "method", "status")
        self._durations = Histogram(
            "anchorage_http_request_duration_seconds",
            "From a request's headers to the end of its answer.",
            ("route",),
            registry=self._registry,
            buckets=DURATIONS,
        )
        self._actions = self._counter("actions", "Entries written to the audit log.", "action", "result")
        self._refusals = self._counter("refusals", "Requests refused before anything of them ran.", "code")
        self._malformed = self._counter("http_malformed", "Requests refused as HTTP, unread.", "reason")
        self._decisions = self._counter("decisions", "Answers to gateways about devices.", "service", "reason")
        self._running = self._gauge("http_requests_running", "Requests being answered now.")
        self._streams = self._gauge("open_streams", "WebSockets and event streams open now.", "transport")
        self._oldest_wait = self._gauge(
            "unit_of_work_oldest_wait_seconds", "Age of the oldest unfinished unit of work."
        )
        self._witness_size = self._gauge(
            "witness_cosigned_size", "Leaves under the newest checkpoint that the witness cosigned.", "witness"
        )
        self._witness_failures = self._counter(
            "witness_failures", "Checkpoints that the witness did not cosign.", "witness", "reason"
        )
        self._witness_age = self._gauge(
            "witness_current_age_seconds",
            "Since the witness last had cosigned all that there was, or since the start.",
            "witness",
        )
        self._witness_current: dict[str, float] = {}
        self._catch_up: list[Callable[[], None]] = []
        self._gauge("build_info", "The release and where it runs.", "version", "node", "region").labels(
            __version__, node, region
        ).set(1)

    def request_began(self) -> None:
        """A request's headers are here."""
        self._running.inc()

    def request_ended(self, *, route: str, method: str, status: int, seconds: float) -> None:
        """A request was answered, or its client went away (status 499)."""
        self._running.dec()
        self._requests.labels(route, method, str(status)).inc()
        self._durations.labels(route).observe(seconds)

    def stream_opened(self, transport: str) -> None:
        """A WebSocket (`websocket`) or an event stream (`sse`) is open."""
        self._streams.labels(transport).inc()

    def stream_closed(self, transport: str) -> None:
        """It is closed."""
        self._streams.labels(transport).dec()

    def recorded(self, action: str, result: str) -> None:
        """An entry was committed."""
        self._actions.labels(action, result).inc()

    def refused(self, code: str) -> None:
        """A request was refused before anything of it ran."""
        self._refusals.labels(code).inc()

    def decided(self, service: str, reason: str) -> None:
        """A gateway was told whether a device may come in."""
        self._decisions.labels(service, reason).inc()

    def repeated(self, route: str, method: str, service: str, seconds: Sequence[float]) -> None:
        """Gateways were told again that devices may come in, in so many seconds each: requests, and decisions."""
        self._decisions.labels(service, "TRUSTED").inc(len(seconds))
        self._requests.labels(route, method, "200").inc(len(seconds))
        durations = self._durations.labels(route)
        for each in seconds:
            durations.observe(each)

    def before_reading(self, catch_up: Callable[[], None]) -> None:
        """Call this before every reading: it counts what was not counted yet."""
        self._catch_up.append(catch_up)

    def watch_trust(self, unread_seconds: Callable[[], float]) -> None:
        """Ask this at every reading."""
        bridged = self._gauge("trust_unread_seconds", "For how long no account's trust could be read; 0 while it can.")
        bridged.set_function(unread_seconds)

    def malformed(self, reason: str) -> None:
        """A request was refused as HTTP."""
        self._malformed.labels(reason).inc()

    def watch_units(self, oldest_wait_seconds: Callable[[], float]) -> None:
        """Ask this at every reading."""
        self._oldest_wait.set_function(oldest_wait_seconds)

    def watch_signing(self, state: Callable[[], State]) -> None:
        """Ask this at every reading."""
        leads = self._gauge("notary_leads", "1 where this process signs the log.")
        refuses = self._gauge("notary_refuses", "1 where this process refuses to sign the log.")
        size = self._gauge("log_signed_size", "Leaves under the newest checkpoint that this process signed.")
        leads.set_function(lambda: float(state().leads))
        refuses.set_function(lambda: float(state().refusal is not None))
        size.set_function(lambda: float(state().size))

    def watch_witnesses(self, names: Sequence[str]) -> None:
        """These witnesses are asked to cosign the log."""
        for name in names:
            self._witness_current[name] = monotonic()
            self._witness_size.labels(name).set(0)
            self._witness_age.labels(name).set_function(partial(self._witness_behind, name))

    def witness_is_current(self, witness: str, size: int) -> None:
        """See `app.services.witnesses.Observer`."""
        self._witness_current[witness] = monotonic()
        self._witness_size.labels(witness).set(size)

    def witness_failed(self, witness: str, reason: str) -> None:
        """See `app.services.witnesses.Observer`."""
        self._witness_failures.labels(witness, reason).inc()

    def exposition(self) -> bytes:
        """All of it in Prometheus' text format."""
        for catch_up in self._catch_up:
            catch_up()
        return generate_latest(self._registry)

    def _witness_behind(self, name: str) -> float:
        return monotonic() - self._witness_current[name]

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(f"anchorage_{name}", about, labels, registry=self._registry)

    def _gauge(self, name: str, about: str, *labels: str) -> Gauge:
        return Gauge(f"anchorage_{name}", about, labels, registry=self._registry)
