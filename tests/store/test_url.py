"""What a database URL names."""

import pytest

from app.store.connection import CannotOpen
from app.store.url import sqlite_path


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite://var/anchorage.db", "var/anchorage.db"),
        ("sqlite:///srv/anchorage.db", "/srv/anchorage.db"),
        ("sqlite:////srv/anchorage.db", "/srv/anchorage.db"),
        ("postgres://user@host/name", None),
    ],
)
def test_a_url_names_a_file_or_none(url: str, path: str | None) -> None:
    found = sqlite_path(url)

    assert (None if found is None else str(found)) == path


@pytest.mark.parametrize("url", ["sqlite://", "sqlite://:memory:", "mysql://host/name", "anchorage.db"])
def test_any_other_url_is_refused_with_what_would_be_right(url: str) -> None:
    with pytest.raises(CannotOpen, match="sqlite://path/to/file"):
        sqlite_path(url)
