"""A few small tables, and units of work that write to them: what the engine's tests need and nothing more."""

from collections.abc import Awaitable, Callable

from app.errors import NotFound
from app.store.connection import Engine, Transaction
from app.store.database import Database

TABLES = """
CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT NOT NULL, CONSTRAINT note_short CHECK (length(text) < 20));
CREATE UNIQUE INDEX note_unique_text ON note (text);
CREATE TABLE pair (a INTEGER NOT NULL, b INTEGER NOT NULL, UNIQUE (a, b));
CREATE TABLE line (note_id INTEGER NOT NULL REFERENCES note (id) DEFERRABLE INITIALLY DEFERRED, flag BOOLEAN, raw BLOB);
"""
GUARD = {
    Engine.SQLITE: """
CREATE TRIGGER pair_kept BEFORE DELETE ON pair BEGIN SELECT RAISE(ABORT, 'pair_kept: pairs are for ever'); END;
CREATE TRIGGER note_copied AFTER UPDATE ON note BEGIN UPDATE pair SET b = b + 1; END;
""",
    Engine.POSTGRES: """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'pair_kept: pairs are for ever'; END $$;
CREATE TRIGGER pair_kept BEFORE DELETE ON pair FOR EACH ROW EXECUTE FUNCTION refuse();
""",
}


def insert(number: int, text: str = "") -> Callable[[Transaction], Awaitable[int]]:
    """A unit of work that writes one note."""

    async def unit(transaction: Transaction) -> int:
        async with transaction.savepoint():
            return await transaction.execute("INSERT INTO note VALUES ($1, $2)", number, text or f"note {number}")

    return unit


async def write_and_refuse(transaction: Transaction, number: int) -> None:
    """Write a note, remember it, and refuse."""
    async with transaction.savepoint():
        await transaction.execute("INSERT INTO note VALUES ($1, 'ghost')", number)
        transaction.memo["head"] = number
        raise NotFound("no such thing")


async def numbers(database: Database) -> list[int]:
    """The notes that a reader sees."""
    return [row["id"] for row in await database.reads.fetch("SELECT id FROM note ORDER BY id")]
