"""Prometheus sees how it goes with each witness, and nothing where there is none."""

from app.transport.metrics import Metrics


def shown(metrics: Metrics) -> dict[str, float]:
    lines = metrics.exposition().decode().splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if "witness" in line[:20]}


def test_each_witness_is_shown() -> None:
    metrics = Metrics(node="node", region="region")
    assert shown(metrics) == {}
    metrics.watch_witnesses(["w.example/1", "w.example/2"])

    metrics.witness_is_current("w.example/1", 7)
    metrics.witness_failed("w.example/2", "ahead")

    values = shown(metrics)
    assert values['anchorage_witness_cosigned_size{witness="w.example/1"}'] == 7
    assert values['anchorage_witness_cosigned_size{witness="w.example/2"}'] == 0
    assert values['anchorage_witness_failures_total{reason="ahead",witness="w.example/2"}'] == 1
    first, second = (values[f'anchorage_witness_current_age_seconds{{witness="w.example/{at}"}}'] for at in (1, 2))
    assert 0 <= first <= second
