"""What comparing names may cost: so many comparisons for one device or upload, counted, not timed."""

from cryptography import x509

from app.findings import FindingCode
from app.reasons import Reason
from app.rules import path
from tests.held import is_held
from tests.rules.authority import Made, make
from tests.rules.deciding import decided, device, record
from tests.rules.flaws import examined


def ca(subject: str, issuer: Made | None = None, *, trees: int = 0, names: int = 0) -> Made:
    """A CA that permits so many subtrees, and has so many names, all of which lie in the first one."""
    permitted = [x509.DNSName(f"{number}.example") for number in range(trees)]
    extensions: list[tuple[x509.ExtensionType, bool]] = []
    if trees:
        extensions.append((x509.NameConstraints(permitted, None), True))
    if names:
        extensions.append((x509.SubjectAlternativeName([x509.DNSName("a.0.example")] * names), False))
    return make(subject, issuer=issuer, extensions=extensions)


def codes(*chain: Made) -> list[FindingCode]:
    return [finding.code for finding in examined(chain).findings]


def test_comparisons_have_a_budget() -> None:
    root = ca("Root CA", trees=100)

    assert codes(root, ca("below", root, names=200)) == []
    assert codes(root, ca("below", root, names=201)) == [FindingCode.NAME_CONSTRAINT_BUDGET]


def test_the_budget_of_an_upload_is_one_for_its_chain() -> None:
    root = ca("Root CA", trees=100)
    middle = ca("Middle CA", root, trees=100, names=100)

    assert codes(root, middle, ca("below", middle, names=50)) == []
    assert codes(root, middle, ca("below", middle, names=51)) == [FindingCode.NAME_CONSTRAINT_BUDGET]


def test_each_pair_is_paid_for_once() -> None:
    """Root (2 subtrees) <- Middle (1 subtree) <- Lowest (3 names): 3 comparisons, and 6."""
    root = ca("Root CA", trees=2)
    middle = ca("Middle CA", root, trees=1)
    lowest = ca("Lowest CA", middle, names=3)
    enough, short = path.Budget(9), path.Budget(8)

    for budget in (enough, enough, short):
        assert path.breach(middle.parsed, [lowest.parsed], budget) is None
    assert path.breach(root.parsed, [lowest.parsed, middle.parsed], enough) is None
    found = path.breach(root.parsed, [lowest.parsed, middle.parsed], short)

    assert found is not None
    assert found.code is FindingCode.NAME_CONSTRAINT_BUDGET


def test_what_was_compared_is_not_kept() -> None:
    """Or each certificate of a stranger, with the names of which it has thousands, would stay in memory."""
    root = ca("Root CA", trees=1)
    stranger = device(root, extensions=[(x509.SubjectAlternativeName([x509.DNSName("foreign.example")]), False)])
    assert decided([record(root)], stranger).reason is Reason.NAME_CONSTRAINT_VIOLATION

    assert not is_held(stranger.parsed)
