"""Trust decisions: whether a device gets in, and every step that led there."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Self

import strawberry

from app.actor import Scope
from app.reasons import Reason
from app.rules import explanation
from app.rules.checks import Check, Kind
from app.rules.explanation import Path, Place, Step
from app.services.decisions import Decided
from app.transport.graphql.context import Info
from app.transport.graphql.described import attribute, object_type
from app.transport.graphql.loaders import Loaders
from app.transport.graphql.scopes import PARENT, field, needs
from app.transport.graphql.trust_enums import TrustOutcome
from app.transport.graphql.types.history import HistoryPoint
from app.transport.graphql.types.x509 import X509Certificate, view_of

if TYPE_CHECKING:
    from app.transport.graphql.types.certificates import Certificate


@object_type
class TrustCheck:
    """One check, and how it went."""

    kind: Kind = attribute("What was checked.")
    passed: bool = attribute("Whether it passed.")
    detail: str = attribute("What was compared with what.")
    reference: str | None = attribute("The rule, for example `RFC 5280 6.1.3`; null when it is ours.")

    @classmethod
    def of(cls, check: Check) -> Self:
        """As the schema shows it."""
        return cls(kind=check.kind, passed=check.passed, detail=check.detail, reference=check.reference)


@object_type
class TrustPathStep:
    """One certificate on a path, and what was checked about it."""

    role: Place = attribute("What it is on this path.")
    certificate: X509Certificate = attribute("The certificate.")
    checks: list[TrustCheck] = attribute("In the order in which they are made; the first failure ends the path.")

    @classmethod
    def of(cls, step: Step) -> Self:
        """As the schema shows it."""
        checks = [TrustCheck.of(check) for check in step.checks]
        return cls(role=step.place, certificate=view_of(step.certificate), checks=checks)


@object_type
class TrustPath:
    """One way from the device's certificate up."""

    valid: bool = attribute("Whether every check on it passed.")
    steps: list[TrustPathStep] = attribute("From the device to the anchor, or to where the path broke off.")

    @classmethod
    def of(cls, path: Path) -> Self:
        """As the schema shows it."""
        return cls(valid=path.is_valid, steps=[TrustPathStep.of(step) for step in path.steps])


@object_type
class TrustDecision:
    """A decision about a device's chain, and how it was reached."""

    outcome: TrustOutcome = attribute("Whether the device gets in.")
    reason: Reason = attribute("Why: branch on this.")
    explanation: str = attribute("The same in a sentence or two, for people.")
    evaluated_at: datetime = attribute("The instant that it was decided for.")
    as_of: HistoryPoint | None = attribute("The point that was asked for; null when it was decided for now.")
    decided: strawberry.Private[Decided]
    past: strawberry.Private[Loaders | None] = None
    """What is to be noticed about the certificates of a past; None of now."""

    @field(needs(Scope.CERTIFICATES_READ))
    async def certificates(
        self, info: Info
    ) -> list[Annotated["Certificate", strawberry.lazy("app.transport.graphql.types.certificates")]]:
        """The account's certificates that decided; of a past, as they were.

        The one that lets the device in, all that block it, or those that would let it in at the other service, or once
        they are proven.
        """
        from app.transport.graphql.types.certificates import Certificate  # noqa: PLC0415  # which shows devices

        ids = [record.id for record in self.decided.decision.records]
        if self.decided.trusted is not None:
            known = {row.id: row for row in self.decided.trusted.records}
            return [Certificate.of(known[each], self.past) for each in ids]
        found = await info.context.loaders.certificates.load_many(ids)
        return [Certificate.of(row) for row in found if row is not None]

    @field(PARENT)
    def paths(self) -> list[TrustPath]:
        """Every path that was tried, the deciding one first; 100 at most.

        Empty where what was presented cannot be read, and where deciding would take too long. The path of a suspended
        device can be valid all the same.
        """
        return [TrustPath.of(path) for path in explanation.paths(self.decided.decision, self.decided.store)]

    @classmethod
    def of(cls, decided: Decided, past: Loaders | None = None, as_of: HistoryPoint | None = None) -> Self:
        """As the schema shows it; `past` and `as_of` are those of a point of the past."""
        decision = decided.decision
        return cls(
            outcome=TrustOutcome.ALLOWED if decision.is_allowed else TrustOutcome.DENIED,
            reason=decision.reason,
            explanation=decision.explanation,
            evaluated_at=decision.question.at,
            as_of=as_of,
            decided=decided,
            past=past,
        )
