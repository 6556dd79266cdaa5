"""What was used last stays, within a weight."""

from concurrent.futures import ThreadPoolExecutor

from app.recent import Recent


def test_the_values_used_last_stay() -> None:
    recent: Recent[str, int] = Recent(2)
    recent.keep("a", 1)
    recent.keep("b", 2)
    assert recent.find("a") == 1
    recent.keep("c", 3)
    assert [recent.find(key) for key in "abc"] == [1, None, 3]


def test_values_that_weigh_more_make_more_room() -> None:
    recent: Recent[str, str] = Recent(100)
    for key, weight in (("a", 40), ("b", 40), ("c", 70)):
        recent.keep(key, key, weight)
    assert [recent.find(key) for key in "abc"] == [None, None, "c"]
    assert recent.weight == 70
    recent.keep("c", "lighter", 10)
    assert (recent.weight, len(recent)) == (10, 1)


def test_what_is_too_heavy_is_not_kept_and_makes_no_room() -> None:
    recent: Recent[str, str] = Recent(100)
    recent.keep("a", "a", 60)
    recent.keep("b", "b", 101)
    assert [recent.find("a"), recent.find("b")] == ["a", None]
    recent.keep("a", "heavier", 101)
    assert (recent.find("a"), recent.weight) == (None, 0)


def test_what_is_dropped_weighs_nothing() -> None:
    recent: Recent[str, str] = Recent(100)
    recent.keep("a", "a", 60)
    recent.drop("a")
    recent.drop("b")
    assert recent.weight == 0
    recent.keep("a", "a", 60)
    recent.clear()
    assert (recent.weight, len(recent)) == (0, 0)


def test_any_thread_may_ask() -> None:
    recent: Recent[int, int] = Recent(50)

    def use(start: int) -> None:
        for number in range(start, start + 5_000):
            recent.keep(number % 200, number, 1 + number % 7)
            recent.find((number * 31) % 200)
            if number % 97 == 0:
                recent.drop(number % 200)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(use, range(8)))
    assert 0 < recent.weight <= 50
    for key in range(200):
        recent.drop(key)
    assert recent.weight == 0
