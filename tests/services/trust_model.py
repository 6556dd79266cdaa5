"""What an account's trust means, told once more in dictionaries and recursion: no rule of the program is used here.

R ─┬─ I ─┬─ S          I' is I again, with the same name and key; IxX and SxJ are I and S, signed by X and by J.
   │     └─ (devices)  P allows no CA below itself, and Q is one; E has expired since it was uploaded.
   ├─ J
   ├─ P ─── Q
   └─ E                X stands alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

OF_AND_BY = {
    "R": ("R", "R"),
    "X": ("X", "X"),
    "I": ("I", "R"),
    "I'": ("I", "R"),
    "IxX": ("I", "X"),
    "J": ("J", "R"),
    "S": ("S", "I"),
    "SxJ": ("S", "J"),
    "P": ("P", "R"),
    "Q": ("Q", "P"),
    "E": ("E", "R"),
}
"""Of which authority each certificate is, and which signed it."""
DEVICE_BY = {"dR": "R", "dI": "I", "dJ": "J", "dS": "S", "dP": "P", "dQ": "Q", "dE": "E", "dX": "X", "old": "I"}
"""Who signed each device's certificate; that of `old` has expired."""
NO_CA_BELOW = {"P"}
EXPIRED = {"E", "old"}
ASK_FOR_NO_CLAIM = {"CREDENTIALS", "THIRD_PARTY_CA"}
SERVICE_OF = {"THIRD_PARTY_CA": "LWM2M", "ENROLLMENT": "BOOTSTRAP"}


@dataclass
class ModelRecord:
    """A record, its chain from the trusted CA up."""

    name: str
    chain: Sequence[str]
    usage: str
    service: str
    status: str = "ACTIVE"
    is_proven: bool = True

    @property
    def authorities(self) -> list[str]:
        return [OF_AND_BY[each][0] for each in self.chain]


@dataclass
class ModelDevice:
    """A device that came in: through which record, and with what beside its certificate, by service."""

    through: dict[str, str] = field(default_factory=dict)
    presented: dict[str, Sequence[str]] = field(default_factory=dict)
    is_suspended: bool = False


@dataclass
class Model:
    """An account. What changes it answers with the code of a refusal, or None."""

    limit: int
    records: dict[str, ModelRecord] = field(default_factory=dict)
    devices: dict[str, ModelDevice] = field(default_factory=dict)
    remembered: set[str] = field(default_factory=set)
    claims: set[str] = field(default_factory=set)

    def why_no_upload(self, name: str, chain: Sequence[str], usage: str, service: str) -> str | None:
        if any(each in NO_CA_BELOW for each in chain[1:]):
            return "PATHLEN_EXCEEDED"
        if SERVICE_OF.get(usage, service) != service:
            return "USAGE_SERVICE_MISMATCH"
        if any((each.chain[0], each.service) == (chain[0], service) for each in self.records.values()):
            return "DUPLICATE_CERTIFICATE"
        if any(each.name == name for each in self.records.values()):
            return "NAME_TAKEN"
        return "QUOTA_EXCEEDED" if len(self.records) >= self.limit else None

    def why_no_deletion(self, record_id: str, *, confirmed: bool) -> str | None:
        record = self.records[record_id]
        others = [each for known, each in self.records.items() if known != record_id]
        blocked = record.authorities[0]
        is_still = any(each.status == "INACTIVE" and each.authorities[0] == blocked for each in others)
        if confirmed or record.status == "ACTIVE" or is_still:
            return None
        related = [each.authorities[0] in record.authorities or blocked in each.authorities for each in others]
        lets_in = any(each and other.status == "ACTIVE" for each, other in zip(related, others, strict=True))
        return "DELETE_WOULD_UNBLOCK" if lets_in or self._readmits_without(record_id) else None

    def known(self) -> set[str]:
        """The certificates of the account's own chains."""
        return {each for record in self.records.values() for each in record.chain}

    def answers(self, device: str, presented: Sequence[str], service: str) -> dict[str, set[str]]:
        """Every right reason, and the records that may let the device in."""
        pool = self.known() | self.remembered | set(presented)
        above = self._above(DEVICE_BY[device], pool, set())
        blocked = {each.authorities[0] for each in self.records.values() if each.status == "INACTIVE"}
        fitting = {known: each for known, each in self.records.items() if each.chain[0] in above}
        admitting = {known: each for known, each in fitting.items() if each.status == "ACTIVE" and each.is_proven}
        anchors = {known: each.chain[0] for known, each in admitting.items() if each.service == service}
        if device in EXPIRED:
            return {"CERT_EXPIRED": set()}
        if blocked & {OF_AND_BY[each][0] for each in above}:
            return {"BLACKLISTED": set()}
        if not anchors:
            is_pending = any(each.service == service for each in fitting.values())
            reason = "WRONG_SERVICE" if admitting else "POSSESSION_PENDING" if is_pending else "NO_TRUST_PATH"
            return {reason: set()}
        flawed = set[str]()
        for usages in (ASK_FOR_NO_CLAIM, {*ASK_FOR_NO_CLAIM, "ENROLLMENT"}):
            meant = {known: anchor for known, anchor in anchors.items() if admitting[known].usage in usages}
            ends = dict(self._ends(DEVICE_BY[device], pool, [], set(meant.values())))
            flawed |= {flaw for flaw in ends.values() if flaw}
            through = {known for known, anchor in meant.items() if ends.get(anchor, "") is None}
            if through:
                return self._state_of(device, through, may_come=usages is ASK_FOR_NO_CLAIM or device in self.claims)
        return {flaw: set() for flaw in flawed}

    def _state_of(self, device: str, through: set[str], *, may_come: bool) -> dict[str, set[str]]:
        if device in self.devices and self.devices[device].is_suspended:
            return {"DEVICE_SUSPENDED": set()}
        return {"TRUSTED": through} if may_come else {"NOT_ENROLLED": set()}

    def _readmits_without(self, record_id: str) -> bool:
        """Whether a device that is refused now would come in as it last came, if there were no such record."""
        rest = {known: each for known, each in self.records.items() if known != record_id}
        without = replace(self, records=rest, devices={})
        return any(
            "TRUSTED" in without.answers(device, presented, service)
            and "TRUSTED" not in self.answers(device, presented, service)
            for device, known in self.devices.items()
            if not known.is_suspended
            for service, presented in known.presented.items()
        )

    def _above(self, authority: str, pool: set[str], seen: set[str]) -> set[str]:
        for each in pool - seen:
            of, by = OF_AND_BY[each]
            if of == authority and each not in seen:
                seen.add(each)
                self._above(by, pool, seen)
        return seen

    def _ends(
        self, authority: str, pool: set[str], below: list[str], anchors: set[str]
    ) -> Iterator[tuple[str, str | None]]:
        """Where paths end: at an anchor without a flaw, or anywhere with one. Good ends come last, to be kept."""
        good = list[str]()
        for each in sorted(pool):
            of, by = OF_AND_BY[each]
            if of != authority or of in [OF_AND_BY[one][0] for one in below]:
                continue
            if each in EXPIRED or (each in NO_CA_BELOW and below):
                yield f"flawed {each}", "CERT_EXPIRED" if each in EXPIRED else "PATHLEN_EXCEEDED"
            elif each in anchors:
                good.append(each)
            else:
                yield from self._ends(by, pool, [*below, each], anchors)
        yield from ((each, None) for each in good)
