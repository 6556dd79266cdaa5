"""Named statements over what witnesses added to checkpoints."""

from app.store.connection import Connection, Transaction

_LINES = "SELECT line FROM audit_cosignature WHERE generation = $1 AND size = $2 ORDER BY witness"
_NEWEST = "SELECT max(size) AS size FROM audit_cosignature WHERE generation = $1 AND witness = $2"
_INSERT = "INSERT INTO audit_cosignature (generation, size, witness, line) VALUES ($1, $2, $3, $4)"


async def lines(connection: Connection, generation: int, size: int) -> list[str]:
    """The lines that witnesses added to a checkpoint, by their names."""
    return [row["line"] for row in await connection.fetch(_LINES, generation, size)]


async def newest_size(connection: Connection, generation: int, witness: str) -> int:
    """The size of the newest checkpoint that a witness added its line to; 0 where there is none."""
    row = await connection.fetch_one(_NEWEST, generation, witness)
    return 0 if row is None else row["size"] or 0


async def insert(transaction: Transaction, generation: int, size: int, witness: str, line: str) -> None:
    """Keep what a witness added. Raises IntegrityViolation where it has added to this checkpoint before."""
    await transaction.execute(_INSERT, generation, size, witness, line)
