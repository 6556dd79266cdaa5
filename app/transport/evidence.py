"""The log for everyone: its checkpoint, its tiles, and the key that signs it (C2SP tlog-tiles).

No key is asked for. A tree's worth lies in the number of strangers who keep its checkpoints and copy its tiles, and
there is nothing in it to hide: a leaf holds the hash of an entry, which no body can be guessed from, because 128 random
bits stand in every body. What it does tell is how many entries there are, and when they came.

Tiles are cached for ever, so no two trees share an address: a log that was begun anew is served under its origin's
number, and what was published of the one before stays where it was.
"""

import gzip
import hashlib
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from app.audit.receipts import BeyondPublished, TreeDamaged, published, published_tree, tile_bytes
from app.audit.stored_tree import FIRST_GENERATION
from app.audit.tiles import NotATile, TilePath, parse_path
from app.errors import RateLimited, StoreUnavailable
from app.store import tree as trees
from app.store.database import Database
from app.transport.arrival import arrival_of
from app.transport.conditional import names_tag
from app.transport.rates import Rates, network_of
from app.transport.static import FOR_EVER, accepted_encodings

COST = 10
"""What one request takes of an address's share of the minute, about what a small query costs."""
PREFIXES = ("/log", "/log/{number}")
_DIGITS = 9

OPEN_TO_PAGES = {"access-control-allow-origin": "*", "cross-origin-resource-policy": "cross-origin"}
"""Verifiers run in browsers too, in pages of other origins. No cookie and no key changes what they read here."""
NOT_YET = "There is no checkpoint yet: the log's notary has signed none."

Answer = Callable[[Request], Awaitable[Response]]


class NotHere(Exception):
    """Nothing is served here; the message says why."""


class Ended(Exception):
    """There is no newer checkpoint of this origin, and there will be none; the message says where it goes on."""


_STATUS = {NotATile: 400, BeyondPublished: 404, NotHere: 404, Ended: 410}


def address_of(number: int) -> str:
    """Where the log is served whose origin has this number."""
    return "/log" if number == FIRST_GENERATION else f"/log/{number}"


def routes(database: Database, rates: Rates) -> list[Route]:
    """checkpoint, vkey and tile/… of every origin, which share a stranger's part of `rates`."""

    async def checkpoint(request: Request) -> Response:
        newest = await published(database.reads)
        if newest is None or newest.number != _asked(request):
            raise await _absence(database, _asked(request))
        tag = f'"{hashlib.sha256(newest.note.encode()).hexdigest()[:32]}"'
        headers = {**OPEN_TO_PAGES, "cache-control": "no-cache", "etag": tag}
        if names_tag(request.headers.get("if-none-match", ""), tag):
            return Response(status_code=304, headers=headers)
        return PlainTextResponse(newest.note, headers=headers)

    async def vkey(request: Request) -> Response:
        tree = await published_tree(database.reads, _asked(request))
        if tree is None:
            raise await _absence(database, _asked(request))
        return PlainTextResponse(f"{tree.vkey}\n", headers={**OPEN_TO_PAGES, "cache-control": "no-cache"})

    async def tile(request: Request) -> Response:
        path = _path_of(request)
        tree = await published_tree(database.reads, _asked(request))
        if tree is None:
            raise await _absence(database, _asked(request))
        found = await tile_bytes(database.reads, tree.generation, tree.published, path)
        return _immutable(request, found, packs=path.level is None)

    files = {"checkpoint": checkpoint, "vkey": vkey, "tile/{path:path}": tile}
    return [
        Route(f"{prefix}/{name}", _bounded(rates, answer), methods=["GET"])
        for prefix in PREFIXES
        for name, answer in files.items()
    ]


def _asked(request: Request) -> int:
    """The number of an origin: the first has none in its address."""
    named: str | None = request.path_params.get("number")
    if named is None:
        return FIRST_GENERATION
    asked = int(named) if named.isascii() and named.isdigit() and len(named) <= _DIGITS else FIRST_GENERATION
    if asked <= FIRST_GENERATION or named != str(asked):
        raise NotHere(f"There is no such log. The first one is {address_of(FIRST_GENERATION)}/checkpoint.")
    return asked


async def _absence(database: Database, asked: int) -> NotHere | Ended:
    """Why there is no such file of the origin with this number."""
    newest = await trees.newest(database.reads)
    if newest is None or newest.number == asked:
        return NotHere(NOT_YET)
    where = f"{address_of(newest.number)}/checkpoint"
    if newest.number < asked:
        return NotHere(f"There is no such log. The newest checkpoint is {where}.")
    return Ended(f"This log has ended. It goes on as {newest.origin}: {where}.")


def _bounded(rates: Rates, answer: Answer) -> Answer:
    """The answer, or a sentence that says why there is none."""

    async def answered(request: Request) -> Response:
        try:
            rates.spend(network_of(arrival_of(request).address), COST)
            return await answer(request)
        except tuple(_STATUS) as refusal:
            return _refused(_STATUS[type(refusal)], str(refusal))
        except RateLimited as refusal:
            return _refused(429, refusal.message, retry_after_seconds=refusal.retry_after_seconds)
        except StoreUnavailable as away:
            return _refused(503, away.message, retry_after_seconds=1)
        except TreeDamaged as damaged:
            return _refused(500, f"{damaged} The operator has to look: `anchorage audit verify`.")

    return answered


def _path_of(request: Request) -> TilePath:
    # Percent-encoded digits would be a second spelling, and caches would take it for another tile.
    if b"%" in request.scope["raw_path"]:
        raise NotATile("A tile's path holds no percent-encoding.")
    path: str = request.path_params["path"]
    return parse_path(path)


def _immutable(request: Request, found: bytes, *, packs: bool) -> Response:
    headers = {**OPEN_TO_PAGES, "cache-control": FOR_EVER}
    if packs:
        # Hashes do not shrink; the text around them in an entry does.
        headers["vary"] = "accept-encoding"
        if "gzip" in accepted_encodings(request.headers):
            headers["content-encoding"] = "gzip"
            found = gzip.compress(found, mtime=0)
    return Response(found, media_type="application/octet-stream", headers=headers)


def _refused(status: int, sentence: str, *, retry_after_seconds: int | None = None) -> Response:
    headers = {**OPEN_TO_PAGES, "cache-control": "no-store"}
    if retry_after_seconds is not None:
        headers["retry-after"] = str(retry_after_seconds)
    return PlainTextResponse(f"{sentence}\n", status, headers=headers)
