"""The page on which a person tries operations: one file of the web build, under a strict policy."""

from pathlib import Path

from starlette.responses import FileResponse, PlainTextResponse, Response

_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "worker-src": "'self'",
    "connect-src": "'self'",
    # The editor's library sets the style attributes of what it draws.
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data:",
    "font-src": "'self' data:",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
_HEADERS = {
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in _POLICY.items()),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Vary": "Accept",
}


def explorer_page(page: Path | None) -> Response:
    """The page; a 404 that says why when it is switched off (None) or was never built."""
    if page is None:
        return _missing("The explorer is switched off on this server (ANCHORAGE_EXPLORER).")
    if not page.is_file():
        return _missing(
            "The explorer is not built: run `npm ci && npm run build` in app/web, or start ./scripts/serve."
        )
    return FileResponse(page, media_type="text/html; charset=utf-8", headers=_HEADERS)


def _missing(sentence: str) -> Response:
    return PlainTextResponse(f"{sentence}\nThe API itself answers POST with a JSON body here.\n", 404, headers=_HEADERS)
