"""What probes and Prometheus learn, and what they do not."""

from tests.transport.http.running import Running


async def test_a_fresh_server_is_alive_and_ready(running: Running) -> None:
    live = await running.client.get("/livez")
    ready = await running.client.get("/readyz")
    assert (live.status_code, live.json()) == (200, {"status": "ok"})
    assert ready.status_code == 200
    assert set(ready.json()["checks"].values()) == {"ok"}
    assert set(ready.json()["checks"]) == {"database", "schema", "guards", "writing", "disk", "draining"}
