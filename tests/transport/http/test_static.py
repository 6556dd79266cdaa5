"""The files of the web build, and nothing else of the machine."""

import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.settings import Settings
from tests.transport.http.running import Running, serving

pytestmark = pytest.mark.once

SCRIPT = b"console.log('x');" * 100
BROTLI = b"not really brotli"


@pytest.fixture
async def running(settings: Settings, tmp_path: Path) -> AsyncIterator[Running]:
    """A server with a small web build, beside a file that is nobody's business."""
    build = tmp_path / "dist"
    assets = build / "assets"
    assets.mkdir(parents=True)
    (build / "index.html").write_text("<!doctype html>", encoding="utf-8")
    (assets / "a-1f2e.js").write_bytes(SCRIPT)
    (assets / "a-1f2e.js.gz").write_bytes(gzip.compress(SCRIPT))
    (assets / "a-1f2e.js.br").write_bytes(BROTLI)
    (assets / "b-1f2e.css").write_text("a{}", encoding="utf-8")
    (assets / "c-1f2e.ttf").write_bytes(b"\0\1\0\0")
    (tmp_path / "secret.txt").write_text("secret", encoding="utf-8")
    (assets / "link.txt").symlink_to(tmp_path / "secret.txt")
    async with serving(settings, web_build=build) as server:
        yield server


@pytest.mark.parametrize(
    ("accepted", "encoding", "body"),
    [
        ("br, gzip", "br", BROTLI),
        ("gzip, br;q=0", "gzip", gzip.compress(SCRIPT)),
        ("GZIP;q=0.5", "gzip", gzip.compress(SCRIPT)),
        ("identity", None, SCRIPT),
        ("", None, SCRIPT),
        ("br;q=0.000, gzip;q=0", None, SCRIPT),
    ],
)
async def test_the_smallest_form_that_the_client_takes_is_sent(
    running: Running, accepted: str, encoding: str | None, body: bytes
) -> None:
    request = running.client.build_request("GET", "/assets/a-1f2e.js", headers={"accept-encoding": accepted})
    answer = await running.client.send(request, stream=True)
    raw = b"".join([chunk async for chunk in answer.aiter_raw()])
    assert answer.headers.get("content-encoding") == encoding
    assert answer.headers["vary"] == "accept-encoding"
    assert answer.headers["content-length"] == str(len(raw))
    assert (gzip.decompress(raw) if encoding == "gzip" else raw) == (SCRIPT if encoding == "gzip" else body)


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("a-1f2e.js", "text/javascript; charset=utf-8"),
        ("b-1f2e.css", "text/css; charset=utf-8"),
        ("c-1f2e.ttf", "font/ttf"),
    ],
)
async def test_a_file_named_by_its_content_is_kept_for_ever_and_has_its_type(
    running: Running, name: str, media_type: str
) -> None:
    headers = (await running.client.get(f"/assets/{name}")).headers
    assert headers["content-type"] == media_type
    assert headers["cache-control"] == "public, max-age=31536000, immutable"
    assert headers["x-content-type-options"] == "nosniff"


async def test_the_portal_is_asked_for_anew_and_may_run_nothing_foreign(running: Running) -> None:
    answer = await running.client.get("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert "script-src 'self';" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    "path",
    [
        "/assets/../secret.txt",
        "/assets/..%2fsecret.txt",
        "/assets/..%2f..%2fsecret.txt",
        "/assets/%2e%2e/%2e%2e/secret.txt",
        "/assets/..%5csecret.txt",
        "/assets//etc/passwd",
        "/assets/%2fetc%2fpasswd",
        "/assets/link.txt",
        "/assets/a-1f2e.js%00.css",
        "/assets/",
        "/assets",
        "/assets/a-1f2e.js.gz",
        "/secret.txt",
        "/../secret.txt",
        "/index.html",
    ],
)
async def test_nothing_outside_the_build_is_served(running: Running, path: str) -> None:
    answer = await running.raw(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 404")
    assert b"secret" not in answer.partition(b"\r\n\r\n")[2]
    assert b"root:" not in answer


async def test_a_server_without_a_web_build_serves_its_api(settings: Settings) -> None:
    async with serving(settings) as running:
        assert (await running.client.get("/")).status_code == 404
        assert (await running.operate()).status_code == 200
