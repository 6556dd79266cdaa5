"""Random worlds, each from its number alone.

Most of what is in one is good: a flaw in every certificate would leave nothing to be decided.
"""

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from app.rules.upload import examine
from app.terms import Possession, Service, Status, Usage
from tests.rules.authority import Made, make, name
from tests.worlds import Ca, Came, Held, World

DAY = timedelta(days=1)
UPLOADED_BEFORE = 200 * DAY
"""So long before a world's instant its records were uploaded: what has expired since was valid then."""
MAX_PRESENTED = 9
GOOD_HOST = "good.example"
BAD_HOST = "bad.example"

_DNS_TREE = x509.NameConstraints([x509.DNSName(GOOD_HOST)], None)
_FLEET_TREE = x509.NameConstraints(
    [x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Fleet")]))], None
)
_CLIENTS = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), "clientAuth")
_ANYBODY = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]), "anyEKU")
_SERVERS = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), "serverAuth")
Extension = tuple[x509.ExtensionType, bool]


@cache
def _key(number: int) -> ec.EllipticCurvePrivateKey:
    """Keys are reused from world to world: to make them would take longer than all the rest."""
    del number
    return ec.generate_private_key(ec.SECP256R1())


def worlds(first: int, count: int, *, at: datetime) -> Iterator[World]:
    """So many worlds, from a number on."""
    return (world(number, at=at) for number in range(first, first + count))


def world(number: int, *, at: datetime) -> World:
    """The world of a number, at an instant."""
    growing = _Growing(random.Random(number), at)  # noqa: S311  # a world is no secret
    growing.grow_cas()
    held = growing.held()
    devices = tuple(growing.device(place) for place in range(growing.chance.randint(3, 12)))
    below = [each for each in growing.cas if each.issuer != each.authority]
    remembered = growing.chance.sample(below, min(len(below), growing.chance.choice([0, 0, 1, 2])))
    return World(number, at, tuple(growing.cas), held, devices, tuple(remembered))


def flawless(issuer: Ca, *, at: datetime) -> Made:
    """A device's certificate right below this one, and nothing that any rule could have against it."""
    host: list[Extension] = [(x509.SubjectAlternativeName([x509.DNSName(f"new.{GOOD_HOST}")]), False)]
    return _leaf(at, _named("new"), _key(99), issuer.made, extensions=host)


class _Growing:
    """Makes the certificates of one world, each with a serial number of its own."""

    def __init__(self, chance: random.Random, at: datetime) -> None:
        self.chance = chance
        self.at = at.replace(microsecond=0)
        self.cas: list[Ca] = []
        self._parents: dict[str, str] = {}
        self._names: dict[str, x509.Name] = {}
        self._serial = 0

    def grow_cas(self) -> None:
        """Between one and eight authorities, the first a plain root, and further certificates of some of them."""
        for place in range(self.chance.randint(1, 8)):
            authority = f"C{place}"
            is_root = place == 0 or self._is(0.2)
            self._names[authority] = _named(authority)
            if place and self._is(0.04):
                # The name of another authority with a key of its own: names prove nothing.
                same = self.chance.choice(list(self._parents))
                self._names[authority] = self._names[same]
            self._parents[authority] = authority if is_root else self.chance.choice(list(self._parents))
            self._add(authority, authority, self._parents[authority], is_plain=place == 0)
        for authority in list(self._parents):
            others = [each for each in self._parents if each != authority]
            if others and self._is(0.3):
                signer = self.chance.choice(others)
                self._add(f"{authority}x{signer[1:]}", authority, signer)
            if self._is(0.15):
                self._add(f"{authority}'", authority, self._parents[authority])

    def held(self) -> tuple[Held, ...]:
        """Between one and six records, each of a chain that could be uploaded."""
        found = list[Held]()
        taken = set[tuple[Service, str]]()
        for place in range(self.chance.randint(1, 6)):
            service, usage, possession = self._words()
            chain = self._uploadable()
            status = Status.INACTIVE if self._is(0.3) else Status.ACTIVE
            if (service, chain[0].label) not in taken:
                taken.add((service, chain[0].label))
                found.append(Held(f"r{place}", chain, service, usage, possession, status))
        return tuple(found)

    def device(self, place: int) -> Came:
        """A device under an authority at whatever depth, or under none that anybody knows."""
        called = f"d{place}"
        if self._is(0.06):
            return Came(
                called, "itself", _leaf(self.at, _named(called), _key(100)), self._presented("C0"), ("stranger",)
            )
        authority = self.chance.choice(list(self._parents))
        notes, extensions, subject = self._leaf_words(called)
        end = self.at - DAY if "expired" in notes else self.at + 365 * DAY
        begin = self.at + DAY if "not yet valid" in notes else self.at - 300 * DAY
        made = _leaf(self.at, subject, _key(101 + place), self._primary(authority), begin, end, extensions)
        return Came(called, authority, made, self._presented(authority), notes)

    def _words(self) -> tuple[Service, Usage, Possession]:
        usage = self.chance.choice(list(Usage))
        if usage is Usage.CREDENTIALS:
            possession = self.chance.choice([Possession.PENDING, Possession.PROVEN, Possession.PROVEN])
            return self.chance.choice(list(Service)), usage, possession
        service = Service.LWM2M if usage is Usage.THIRD_PARTY_CA else Service.BOOTSTRAP
        return service, usage, Possession.NOT_REQUIRED

    def _uploadable(self) -> tuple[Ca, ...]:
        for _ in range(10):
            chain = self._walk(self.chance.choice(self.cas))
            if chain[-1].issuer == chain[-1].authority:
                ders = [each.made.der for each in chain]
                if examine(ders, at=self.at - UPLOADED_BEFORE).is_acceptable:
                    return chain
        return (self.cas[0],)

    def _walk(self, start: Ca) -> tuple[Ca, ...]:
        """Upwards from a certificate, by whichever certificates, never through one authority twice."""
        way = [start]
        while way[-1].issuer != way[-1].authority:
            seen = {each.authority for each in way}
            above = [each for each in self.cas if each.authority == way[-1].issuer and each.authority not in seen]
            if not above:
                break
            way.append(self.chance.choice(above))
        return tuple(way)

    def _presented(self, authority: str) -> tuple[Ca, ...]:
        """Everything above, nothing, one way up without its root or with it, or something else."""
        own = [each for each in self.cas if each.authority == authority]
        way = self._walk(self.chance.choice(own))
        match self.chance.choice(["way", "way", "way", "all", "nothing", "wrong"]):
            case "way":
                presented = list(way if self._is(0.3) else way[:-1] if len(way) > 1 else way)
            case "all":
                presented = [each for each in self.cas if any(each.authority == one.authority for one in way)]
            case "nothing":
                presented = []
            case _:
                presented = self.chance.sample(self.cas, self.chance.randint(1, min(3, len(self.cas))))
        if self._is(0.2):
            self.chance.shuffle(presented)
        return tuple(presented[:MAX_PRESENTED])

    def _add(self, label: str, authority: str, signer: str, *, is_plain: bool = False) -> None:
        notes, path_length, extensions = list[str](), None, list[Extension]()
        if self._names[authority] != _named(authority):
            notes.append(f"with the name {self._names[authority].rfc4514_string()}")
        end = self.at + 3650 * DAY
        if not is_plain:
            if self._is(0.07):
                end = self.at - DAY
                notes.append("expired")
            if self._is(0.12):
                path_length = self.chance.choice([0, 0, 1])
                notes.append(f"pathLen {path_length}")
            notes.extend(self._ca_extensions(extensions))
        issuer = None if signer == authority else self._primary(signer)
        made = make(
            self._names[authority],
            key=_key(int(authority[1:])),
            issuer=issuer,
            serial=self._next_serial(),
            not_before=self.at - 400 * DAY,
            not_after=end,
            path_length=path_length,
            extensions=extensions,
        )
        self.cas.append(Ca(label, authority, signer, made, tuple(notes)))

    def _ca_extensions(self, extensions: list[Extension]) -> Iterator[str]:
        if self._is(0.2):
            tree, note = self.chance.choice([(_DNS_TREE, f"only {GOOD_HOST}"), (_FLEET_TREE, "only O=Fleet")])
            extensions.append((tree, True))
            yield note
        if self._is(0.06):
            purpose, note = self.chance.choice([_CLIENTS, _CLIENTS, _ANYBODY])
            extensions.append((purpose, False))
            yield note

    def _leaf_words(self, called: str) -> tuple[tuple[str, ...], list[Extension], x509.Name]:
        """What is unusual about a device's certificate, as words, as extensions and in its name."""
        notes, extensions, subject = list[str](), list[Extension](), _named(called)
        if self._is(0.1):
            notes.append(self.chance.choice(["expired", "expired", "not yet valid"]))
        if self._is(0.15):
            purpose, note = self.chance.choice([_CLIENTS, _ANYBODY, _SERVERS])
            extensions.append((purpose, False))
            notes.append(note)
        if self._is(0.3):
            host = self.chance.choice([GOOD_HOST, BAD_HOST])
            extensions.append((x509.SubjectAlternativeName([x509.DNSName(f"{called}.{host}")]), False))
            notes.append(f"SAN in {host}")
        if self._is(0.15):
            host = self.chance.choice([GOOD_HOST, BAD_HOST])
            organisation = self.chance.choice(["Fleet", "Other"])
            subject = _named(f"{called}.{host}", organisation)
            notes.append(f"named {called}.{host} of {organisation}")
        return tuple(notes), extensions, subject

    def _primary(self, authority: str) -> Made:
        return next(each.made for each in self.cas if each.authority == authority)

    def _next_serial(self) -> int:
        self._serial += 1
        return self._serial

    def _is(self, probability: float) -> bool:
        return self.chance.random() < probability


def _leaf(
    at: datetime,
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: Made | None = None,
    begin: datetime | None = None,
    end: datetime | None = None,
    extensions: Sequence[Extension] = (),
) -> Made:
    return make(
        subject,
        key=key,
        issuer=issuer,
        not_before=begin or at - 300 * DAY,
        not_after=end or at + 365 * DAY,
        is_ca=None,
        key_usage=("digital_signature",),
        extensions=extensions,
    )


def _named(text: str, organisation: str = "Fleet") -> x509.Name:
    return name(text, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation))
