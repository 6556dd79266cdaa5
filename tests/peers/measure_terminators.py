"""How soon a blacklisting takes effect at each of the examples: `python -m tests.peers.measure_terminators`.

Starts everything on this machine, blacklists the only CA, and looks without a pause until the effect is there. Writes
the table of docs/examples/README.md, or prints it with `--print`.
"""

import argparse
import asyncio
import contextlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from app.store.migrate import migrate
from app.store.rows import CertificateRow
from app.terms import ClientCertForm, Service, Status
from tests.fleet import fleet
from tests.peers import bundle_setups, terminator_setups
from tests.peers.behind import silence
from tests.peers.entrances import Entrance, Example, bundled, entrance, opened, watch
from tests.peers.terminators import EXAMPLES
from tests.transport.gateway.conftest import Site
from tests.transport.http import running

ASKING = [getattr(terminator_setups, name) for name in ("HAPROXY_HTTP", "HAPROXY_TCP", "ENVOY", "NGINX", "CADDY")]
WITH_BUNDLES = [
    getattr(bundle_setups, name)
    for name in (
        *("ENVOY_BUNDLE", "NGINX_BUNDLE", "HAPROXY_BUNDLE", "CADDY_BUNDLE"),
        *("MOSQUITTO_BUNDLE", "LIBCOAP_OPENSSL", "LIBCOAP_GNUTLS"),
    )
]
ROUNDS = 3
INTERVAL = "1"
"""What `anchorage gateway sync` does when nothing is said."""
IN_A_ROW = 5
GIVE_UP_SECONDS = 100.0
BEGIN, END = "<!-- measured: begin -->\n", "<!-- measured: end -->\n"


@dataclass(slots=True)
class Found:
    """Seconds after the blacklisting was committed, round by round; and after a question that nobody answers."""

    new: list[float] = field(default_factory=list)
    resumed: list[float] = field(default_factory=list)
    open: list[float] = field(default_factory=list)
    unanswered: list[float] = field(default_factory=list)


async def _since(begun: float, is_refused: Callable[[], Awaitable[bool]], *, in_a_row: int = IN_A_ROW) -> float:
    """When the first of so many refused attempts in a row was begun; 0 where no attempt before it succeeded."""
    row: list[float] = [0.0]
    while len(row) <= in_a_row:
        attempted = time.perf_counter() - begun
        assert attempted < GIVE_UP_SECONDS
        row = [*row, attempted] if await is_refused() else []
    return row[0]


async def _round(site: Site, record: CertificateRow, made: Entrance, found: Found) -> None:
    device = made.credentials(fleet().d1)
    assert await made.lets_in(device)
    await asyncio.to_thread(watch, made)
    # What took connections before it read its first bundle anew may still be there for a moment.
    await asyncio.sleep(1)
    connection = await made.visit(device)
    with contextlib.closing(connection):
        assert await asyncio.to_thread(connection.is_served)
        session = connection.session
        # What keeps a bundle looks once a second: at which point of it is left to chance.
        await asyncio.sleep(time.perf_counter() % 1)
        await site.set_status(record, Status.INACTIVE)
        begun = time.perf_counter()

        async def new() -> bool:
            return not await made.lets_in(device)

        async def resumed() -> bool:
            return not await made.lets_in(device, session)

        async def open_one() -> bool:
            return not await asyncio.to_thread(connection.is_served)

        times = await asyncio.gather(_since(begun, new), _since(begun, resumed), _since(begun, open_one, in_a_row=1))
    for into, seconds in zip((found.new, found.resumed, found.open), times, strict=True):
        into.append(seconds)
    await site.set_status(record, Status.ACTIVE)


async def measured(example: Example) -> Found:
    """An example, on a server and with a database of its own."""
    found = Found()
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite://{folder}/anchorage.db"
        await migrate(url)
        async with running.serving(running.settings_for(url, Path(folder))) as server:
            site = Site(server, await running.make_account(server.installation, "fleet"), {})
            key, anchorage = await site.key(example.form or ClientCertForm.RFC9440), f"127.0.0.1:{server.port}"
            record = await site.upload(fleet().upload, service=Service.LWM2M)
            making = entrance if example.form else bundled
            for _ in range(ROUNDS):
                async with opened(making(example, anchorage=anchorage, key=key, interval=INTERVAL)) as made:
                    await _round(site, record, made, found)
    if example.form is not None:
        with silence() as instead, entrance(example, anchorage=instead.address, key="ak_any") as made:
            begun = time.perf_counter()
            assert not await made.lets_in(fleet().d1)
            found.unanswered.append(time.perf_counter() - begun)
    return found


def _shown(seconds: list[float]) -> str:
    """The median, and in brackets the least and the most."""
    if not seconds:
        return ""
    middle, least, most = map(_text, (statistics.median_low(seconds), min(seconds), max(seconds)))
    return middle if least == most else f"{middle} [{least} to {most}]"


def _text(seconds: float) -> str:
    if seconds < 0.0005:
        return "at once"
    return f"{seconds * 1000:.0f} ms" if seconds < 0.95 else f"{seconds:.1f} s"


async def table() -> str:
    """The whole table."""
    lines = [
        "| example | a new connection | an offered session | an open connection | refused without an answer |",
        "|---|---|---|---|---|",
    ]
    for example in (*ASKING, *WITH_BUNDLES):
        found = await measured(example)
        columns = (found.new, found.resumed, found.open, found.unanswered)
        lines.append(f"| `{example.name}` | {' | '.join(map(_shown, columns))} |")
        print(lines[-1], file=sys.stderr)  # noqa: T201  # for who waits
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, and put the table where it belongs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--print", action="store_true", help="leave the README as it is")
    only_shown = parser.parse_args().print
    # Programs and servers say much, which tests show when they fail.
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
        made = asyncio.run(table())
    if only_shown:
        print(made)  # noqa: T201  # asked for
    else:
        readme = EXAMPLES / "README.md"
        head, _, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
        readme.write_text(f"{head}{BEGIN}{made}{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
