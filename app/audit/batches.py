"""What batches did to claims of devices' identities, held against the rows that name their entries.

A job claims identities by the thousand. The entry of a batch does not list them: it counts them, says when they were
claimed and when they end, and holds one digest, the SHA-256 over their fingerprints, 32 bytes each, the smallest first.
Rows of claims are never deleted, and each names the entry that made it and the one that ended it. So all rows that name
an entry must be as many as it says and give its digest: one that is missing, added or changed shows, if not which one.
What happens to such a claim by itself, a release or a device that uses it, is told by an entry with all its fields, and
is compared with its row like any other object (`app.audit.replay`).

Bodies of batches are never archived, and memory follows how many batches there were, a thousandth of their claims.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from app.audit.known import Place, fields_differing, finding_at
from app.audit.states import Json
from app.audit.stored import Code, Finding, StoredEntry
from app.audit.stored_batch import StoredBatch

CLAIMED: Final = "enrollment.claim_batch"
RELEASED: Final = "enrollment.release_batch"
COMPARED: Final[Mapping[str, tuple[str, ...]]] = {
    CLAIMED: ("claimed", "sha256", "created_at", "expires_at"),
    RELEASED: ("released", "sha256"),
}
"""What the rows of a batch must give again, of the `change` of its entry; the first is their number."""


class RecordedBatch(NamedTuple):
    """What the entry at this place says that a batch did, and to which job."""

    place: Place
    action: str
    job_id: str | None
    told: Json


def recorded_batch(entry: StoredEntry, body: Json) -> RecordedBatch | None:
    """What an entry with this body says that a batch did; None where it speaks of something else."""
    names = COMPARED.get(entry.action)
    change = body.get("change")
    if names is None or entry.result != "success" or not isinstance(change, dict):
        return None
    told = {name: change.get(name) for name in names}
    return RecordedBatch(Place(entry.stream, entry.aseq, entry.id), entry.action, entry.target_id, told)


@dataclass(slots=True)
class Batches:
    """Takes what an account's log says of batches, and then what its rows say."""

    report: Callable[[Finding], None]
    _recorded: dict[tuple[str, str], RecordedBatch] = field(default_factory=dict)

    def add(self, batch: RecordedBatch) -> None:
        """What the log says next."""
        self._recorded[batch.action, batch.place.entry_id] = batch

    def compare(self, stored: StoredBatch) -> None:
        """Hold the rows that name one entry against it."""
        batch = self._recorded.pop((stored.action, stored.entry_id), None)
        if batch is None:
            message = f"Claims name {stored.entry_id} as the batch that made or ended them, and there is no such batch."
            self.report(Finding(Code.STATE_UNRECORDED, message, target_type="enrollment"))
            return
        differing = list(fields_differing(batch.told, stored.public))
        if differing:
            message = f"The claims of this batch are not as the log left them: {', '.join(differing)}."
            self.report(finding_at(Code.STATE_DIFFERS, batch.place, ("job", batch.job_id), message))

    def close(self) -> None:
        """End with the account: whatever batch did something has rows."""
        for batch in self._recorded.values():
            if batch.told[COMPARED[batch.action][0]] != 0:
                message = "The log says that this batch did something, and no claim names it."
                self.report(finding_at(Code.STATE_MISSING, batch.place, ("job", batch.job_id), message))
        self._recorded = {}
