"""What a look at an account's certificates may have to say; see `app.audit.events`."""

from dataclasses import dataclass
from typing import ClassVar

from app.audit.event import Noted
from app.audit.states import Json, JsonValue, Target


@dataclass(frozen=True, slots=True)
class CertificateFindingsNoted(Noted):
    """A look found something about a record that was not there before, or something gone: these codes of findings.

    One code may be about several other records, and then stand on both sides. The record itself is as it was.
    """

    kind: ClassVar[str] = "certificate.findings"
    certificate_id: str
    name: str
    version: int
    appeared: tuple[str, ...]
    gone: tuple[str, ...]

    @property
    def target(self) -> Target:
        """The record as it is."""
        return Target("certificate", self.certificate_id, self.name, self.version)

    @property
    def extra(self) -> Json:
        """The codes."""
        return {"appeared": list[JsonValue](self.appeared), "gone": list[JsonValue](self.gone)}
