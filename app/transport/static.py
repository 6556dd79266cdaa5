"""The files of the web build: what the build made, compressed by it, and nothing else of the machine."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from mimetypes import MimeTypes
from pathlib import Path

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

FOR_EVER = "public, max-age=31536000, immutable"
"""For a file whose name holds the hash of its content."""
# A worker obeys the policy of its own script: its chunks come from here, and it may ask nobody.
ASSET_POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'; frame-ancestors 'none'"
PORTAL_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self' data:;"
    " connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
ENCODINGS = (("br", ".br"), ("gzip", ".gz"))
"""What the build makes, the smaller first."""

_TYPES = MimeTypes()
_TYPES.add_type("text/javascript", ".js")
_TYPES.add_type("font/ttf", ".ttf")
_TYPES.add_type("font/woff2", ".woff2")
_TYPES.add_type("image/svg+xml", ".svg")
_TYPES.add_type("text/markdown", ".md")


@dataclass(frozen=True, slots=True)
class _Asset:
    path: Path
    media_type: str
    encoded: Mapping[str, Path]


class WebBuild:
    """The files of one build, listed once at the start: a request picks from the list and never spells a path."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._assets = {asset.path.relative_to(folder).as_posix(): asset for asset in _assets(folder)}

    def routes(self) -> Iterator[Route]:
        """/assets/…, the notices, and the portal at / where it was built."""

        async def asset(request: Request) -> Response:
            found = self._assets.get(f"assets/{request.path_params['name']}")
            if found is None:
                return PlainTextResponse("Not Found", 404)
            return _answer(request, found, {"cache-control": FOR_EVER, "content-security-policy": ASSET_POLICY})

        yield Route("/assets/{name}", asset, methods=["GET"])
        for address, name in (("/", "index.html"), ("/licenses.md", "licenses.md")):
            if name in self._assets:
                yield Route(address, self._page(name), methods=["GET"])

    def _page(self, name: str) -> Callable[[Request], Awaitable[Response]]:
        async def page(request: Request) -> Response:
            headers = {"cache-control": "no-cache", "content-security-policy": PORTAL_POLICY}
            return _answer(request, self._assets[name], headers)

        return page


def _assets(folder: Path) -> Iterator[_Asset]:
    suffixes = {suffix for _, suffix in ENCODINGS}
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if not path.is_file() or path.is_symlink() or path.suffix in suffixes:
            continue
        encoded = {name: beside for name, suffix in ENCODINGS if (beside := Path(f"{path}{suffix}")).is_file()}
        yield _Asset(path, _TYPES.guess_type(path.name)[0] or "application/octet-stream", encoded)


def _answer(request: Request, asset: _Asset, headers: Mapping[str, str]) -> Response:
    accepted = accepted_encodings(request.headers)
    encoding = next((name for name, _ in ENCODINGS if name in asset.encoded and name in accepted), None)
    path = asset.path if encoding is None else asset.encoded[encoding]
    answer = FileResponse(path, media_type=asset.media_type, headers={**headers, "vary": "accept-encoding"})
    if encoding is not None:
        answer.headers["content-encoding"] = encoding
    return answer


def accepted_encodings(headers: Headers) -> set[str]:
    """The encodings that the client takes: RFC 9110 12.5.3, where a weight of 0 means no."""
    accepted = set()
    for part in headers.get("accept-encoding", "").split(","):
        name, _, weight = part.strip().lower().partition(";")
        if weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000"):
            accepted.add(name.strip())
    return accepted
