"""A thousand random worlds: what OpenSSL accepts with the bundle for it, held against the decision.

Where the two differ, a predicate says why, and what none of them knows is a failure. OpenSSL may accept what the
decision refuses only for a blacklisted CA that no file can name: one beside the path that OpenSSL takes, or above an
anchor by a certificate that the device brings. It may refuse what the decision accepts for rules of its own.

Seen to fail where the bundle held the uppers of a record, the CAs of the other service, or an anchor that is unproven,
has expired, is blacklisted or has a blacklisted CA above itself or above its renewal; where it named no rejected CA, or
those of its own service only; where the plain copies came first; where the placeholder was missing; and where the
decision asked nothing of the length of a path, of an anchor's dates, or of signatures.
"""

import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import pytest

from app.reasons import Reason
from app.rules import pem
from app.rules.bundle import Bundle, bundle_of
from app.rules.bundle_formats import Format, write
from app.rules.certificate import ParsedCertificate, check_signature, parse_cached
from app.rules.chain import Chain
from app.rules.closure import Closure
from app.rules.decision import Decision, Question
from app.rules.placeholder import placeholder
from app.rules.profile import CLIENT_AUTH
from app.rules.signature import Answer
from app.rules.trust import decide
from app.rules.trust_store import TrustStore
from app.terms import Possession, Service
from tests.rules.authority import AT
from tests.rules.openssl import Verdict, anchors_of, verify
from tests.world_making import flawless, worlds
from tests.worlds import Ca, Came, World

WORLDS = 1_000
PROGRAM_WORLDS = 12
CHECKS = 256

pytestmark = pytest.mark.once


@dataclass(frozen=True)
class Case:
    """A device at a service: what we say and what OpenSSL says."""

    world: World
    store: TrustStore
    service: Service
    bundle: Bundle
    device: Came
    verdict: Verdict

    def __str__(self) -> str:
        names = {each.made.der: each.label for each in self.world.cas} | {self.device.made.der: self.device.name}
        taken = " ".join(names.get(each, "?") for each in self.verdict.chain)
        said = f"{self.decision.reason}, OpenSSL: {self.verdict.error or 'accepts'} by {taken}"
        return f"{self.service} {self.device}: {said}\n{self.world}"

    @cached_property
    def question(self) -> Question:
        return Question(tuple(parse_cached(each) for each in self.device.ders), self.service, self.world.at)

    @cached_property
    def decision(self) -> Decision:
        return decide(self.store, self.question)

    @cached_property
    def decision_without_the_account(self) -> Decision:
        """The same, where nothing is known but the anchors and what the device presents."""
        admitting = [each for each in self.store.records if each.admits and each.service is self.service]
        alone = [replace(each, chain=Chain((each.trusted_ca,), (0,))) for each in admitting]
        return decide(TrustStore(alone), self.question)

    @property
    def taken(self) -> tuple[ParsedCertificate, ...]:
        """The CAs that OpenSSL took, upwards."""
        return tuple(parse_cached(each) for each in self.verdict.chain[1:])

    def is_blocked_below(self, ca: ParsedCertificate, *presented: ParsedCertificate) -> bool:
        """Whether a blacklisted CA stands above whatever device is right below a CA, and presents these."""
        issuer = next(each for each in self.world.cas if each.parsed == ca)
        device = flawless(issuer, at=AT).parsed
        above = Closure(self.store, (device, *presented), checks=CHECKS)
        return any(self.store.blocking(each) for each in above.issuers)


def cases(folder: Path, count: int) -> Iterator[Case]:
    """Every device of so many worlds, at both services."""
    file = folder / "bundle.pem"
    for world in worlds(0, count, at=AT):
        store = world.store
        for service in Service:
            bundle = bundle_of(store, service, version=1, at=AT)
            file.write_bytes(write(bundle, Format.OPENSSL))
            with anchors_of(file) as anchors:
                for device in world.devices:
                    yield Case(world, store, service, bundle, device, verify(anchors, device.ders, at=AT))


def why_let_in(case: Case) -> str | None:
    """Why OpenSSL lets a device in that is refused, where no file could have kept it out (gateways.md 2)."""
    *below, anchor = case.taken
    if case.decision.reason is not Reason.BLACKLISTED or anchor not in case.bundle.anchors:
        return None
    if any(case.store.blocking(each) for each in case.taken) or case.is_blocked_below(anchor):
        return None
    if case.is_blocked_below(anchor, *case.question.presented[1:]):
        return "above the anchor, by a certificate that the device presents"
    if any(case.is_blocked_below(each) for each in below):
        return "beside the path, by certificates that the account knows"
    return "beside the path, by a certificate that the device presents"


def why_kept_out(case: Case, folder: Path) -> str | None:
    """By which rule of its own OpenSSL keeps a device out that is let in."""
    if not case.decision_without_the_account.is_allowed:
        return "needs a certificate that only the account knows"
    path = case.decision_without_the_account.path
    if any(_only_for_anything(each) for each in path):
        return "an extended key usage of anything, and not of clients"
    alone = _verdict_on(path, folder)
    if _has_a_common_name_like_a_host(path) and alone.error == "permitted subtree violation":
        return "a common name that looks like a host, under a constraint on hosts"
    if _takes_by_name(case, path):
        return "a CA of the name of another, whose key did not sign"
    if case.taken != path[1:] and alone.accepts:
        return "turns back from no CA, once it has taken it by its name and dates"
    return None


def _only_for_anything(certificate: ParsedCertificate) -> bool:
    usages = certificate.extended_key_usage
    return usages is not None and CLIENT_AUTH not in usages


def _has_a_common_name_like_a_host(path: tuple[ParsedCertificate, ...]) -> bool:
    leaf, *cas = path
    constrained = any(each.name_constraints is not None and each.name_constraints.permitted.dns for each in cas)
    return constrained and not leaf.alternative_names.dns and any("." in text for text in leaf.subject_common_names)


def _takes_by_name(case: Case, path: tuple[ParsedCertificate, ...]) -> bool:
    """Whether OpenSSL takes a CA, or takes one for self-signed, by its name alone: these have no key identifiers."""
    if len({each.subject for each in path}) < len({each.authority for each in path}):
        return True
    chain = (case.question.device, *case.taken)
    if chain[-1].is_self_issued and not chain[-1].is_self_signed:
        return True
    return any(check_signature(below, above) is not Answer.VALID for below, above in pairwise(chain))


def _verdict_on(path: tuple[ParsedCertificate, ...], folder: Path) -> Verdict:
    """What OpenSSL says of the very path that we found, where there is nothing else."""
    file = folder / "alone.pem"
    file.write_bytes(write(Bundle((path[-1],), (), 1, 1), Format.OPENSSL))
    with anchors_of(file) as anchors:
        return verify(anchors, [each.der for each in path[:-1]], at=AT)


def test_openssl_differs_from_the_decision_only_where_no_bundle_can_say_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    counted: Counter[str] = Counter()
    for case in cases(tmp_path, WORLDS):
        if case.verdict.accepts == case.decision.is_allowed:
            counted["both accept" if case.verdict.accepts else "both refuse"] += 1
            continue
        why = why_let_in(case) if case.verdict.accepts else why_kept_out(case, tmp_path)
        assert why is not None, str(case)
        counted[f"{'accepts' if case.verdict.accepts else 'refuses'}: {why}"] += 1

    with capsys.disabled():
        for why, count in counted.most_common():
            print(f"\n  {count:6} {why}", end="")  # noqa: T201  # how often what cannot be said matters is a result
    assert counted["both accept"] > WORLDS
    assert all(any(why.startswith(f"{verb}:") for why in counted) for verb in ("accepts", "refuses"))


def test_a_bundle_holds_exactly_the_anchors_under_which_a_flawless_device_is_let_in() -> None:
    held = 0
    for world in worlds(0, WORLDS, at=AT):
        store = world.store
        for service in Service:
            bundle = bundle_of(store, service, version=1, at=AT)
            admitting = {each.chain[0] for each in world.held if each.record.admits and each.service is service}
            right = {each.parsed for each in admitting if _is_right(store, service, each)}
            assert set(bundle.anchors) == right, f"{service}\n{world}"
            assert not set(bundle.rejected) & right, f"{service}\n{world}"
            held += len(right)
    assert held > WORLDS // 2


def _is_right(store: TrustStore, service: Service, anchor: Ca) -> bool:
    """Whether a flawless device right below is let in through this anchor, which has no renewal to help it."""
    trusted = anchor.parsed
    others_unproven = [
        replace(each, possession=Possession.PENDING) if each.admits and each.trusted_ca != trusted else each
        for each in store.records
    ]
    question = Question((flawless(anchor, at=AT).parsed,), service, AT)
    return decide(TrustStore(others_unproven, store.intermediates), question).is_allowed


@pytest.mark.parametrize("form", [Format.PEM, Format.OPENSSL])
def test_every_bundle_holds_the_placeholder(form: Format) -> None:
    for world in worlds(0, 100, at=AT):
        for service in Service:
            written = write(bundle_of(world.store, service, version=1, at=AT), form).decode()
            assert pem.encode([placeholder().der]) in written, str(world)


def test_openssls_program_says_what_its_library_says(tmp_path: Path) -> None:
    """Of the first few worlds: the library is asked here as the program asks it."""
    (tmp_path / "leaf.pem").touch()
    asked = 0
    for case in cases(tmp_path, PROGRAM_WORLDS):
        (tmp_path / "leaf.pem").write_text(pem.encode(case.device.ders[:1]))
        (tmp_path / "others.pem").write_text(pem.encode(case.device.ders))
        command = ["openssl", "verify", "-purpose", "sslclient", "-no-CApath", "-no-CAstore"]
        instant = ["-attime", str(int(AT.timestamp()))]
        files = ["-CAfile", "bundle.pem", "-untrusted", "others.pem", "leaf.pem"]
        done = subprocess.run([*command, *instant, *files], cwd=tmp_path, capture_output=True, check=False)
        assert (done.returncode == 0) == case.verdict.accepts, f"{done.stderr.decode()}\n{case}"
        asked += 1
    assert asked > PROGRAM_WORLDS
