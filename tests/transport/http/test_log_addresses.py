"""The log's addresses are there, for callers without a key."""

import pytest

from tests.transport.http.running import Running


@pytest.mark.parametrize("path", ["/log/tile/0/1", "/log/tile/entries/x000/000"])
async def test_the_server_answers_for_the_log(running: Running, path: str) -> None:
    answer = await running.client.get(path)

    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (400, "*")


async def test_a_way_around_the_path_leads_nowhere(running: Running) -> None:
    for path in (b"/log/tile/../../etc/passwd", b"/log//checkpoint", b"/log/", b"/log/checkpoint/"):
        answer = await running.raw(b"GET " + path + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert answer.split(b" ")[1] in (b"400", b"404"), path
