"""A notary of a test's own, who signs when the test says so."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.audit.notary import Notary
from app.clock import Clock
from app.store.database import Database

ORIGIN = "log.test.example/1"
KEY = Ed25519PrivateKey.generate()


async def notary_of(database: Database, clock: Clock) -> Notary:
    """A notary who has taken the tree over and has signed nothing yet."""
    notary = Notary(database, KEY, ORIGIN, (), clock)
    await notary.start()
    return notary


async def sign_all(notary: Notary) -> None:
    """Put all that waits into the tree, and sign it."""
    while (await notary.cycle()).more:
        pass
