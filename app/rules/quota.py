"""How many certificates an account may hold. Every status, service and usage counts, developer certificates too."""

from app.errors import InvalidInput, QuotaExceeded
from app.terms import Tier

# The seed: "A developer account can manage up to 10 trusted certificates (including developer certificates) at a time.
# A commercial account can manage up to 50."
LIMITS: dict[Tier, int] = {Tier.DEVELOPER: 10, Tier.COMMERCIAL: 50}

HIGHEST_LIMIT = 10_000
"""What an operator may grant: a decision searches the anchors of an account, and this many keep it quick."""


def require_room(*, used: int, limit: int) -> None:
    """Refuse one more certificate where the account is full, or over a limit that was lowered.

    Raises QuotaExceeded.
    """
    if used >= limit:
        raise QuotaExceeded(used=used, limit=limit)


def effective_limit(tier: Tier, override: int | None) -> int:
    """What an account of this tier may hold; the operator's own figure goes before the tier's."""
    return LIMITS[tier] if override is None else override


def require_limit(limit: int) -> int:
    """A limit that an operator may set.

    Raises InvalidInput outside 0 to 10,000.
    """
    if not 0 <= limit <= HIGHEST_LIMIT:
        raise InvalidInput(f"A limit is 0 to {HIGHEST_LIMIT:,}; this one is {limit:,}.", path=("limit",))
    return limit
