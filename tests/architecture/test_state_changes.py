"""Only the store opens transactions and deletes rows, and nothing pure asks for the time."""

import ast

import pytest

from scripts import check_architecture


def found(source: str, path: str) -> list[str]:
    return [sentence for _, sentence in check_architecture.violations(ast.parse(source), path)]


def test_the_code_changes_state_only_through_the_store(capsys: pytest.CaptureFixture[str]) -> None:
    assert check_architecture.main() == 0, capsys.readouterr().out


@pytest.mark.parametrize(
    "planted",
    [
        "from tortoise.transactions import in_transaction",
        "from tortoise.transactions import atomic as whole",
        "async def f(): await transactions.in_transaction('default')",
        "async def f(): await Row.bulk_create(rows)",
        "async def f(): await Row.filter(id=1).select_for_update()",
        "async def f(): await row.delete()",
        "async def f(tx): await row.delete(using_db=tx.conn)",
    ],
)
def test_a_write_past_the_store_is_caught(planted: str) -> None:
    assert len(found(planted, "app/services/planted.py")) == 1
    assert found(planted, "app/store/planted.py") == []


def test_deleting_something_that_is_named_is_not_deleting_a_row() -> None:
    assert found("cache.delete(key)", "app/services/planted.py") == []


@pytest.mark.parametrize("path", ["app/rules/planted.py", "app/audit/entry.py"])
@pytest.mark.parametrize("planted", ["datetime.now(UTC)", "datetime.datetime.utcnow()", "date.today()"])
def test_a_rule_that_asks_for_the_time_is_caught(planted: str, path: str) -> None:
    assert len(found(planted, path)) == 1
    assert found(planted, "app/services/planted.py") == []
