"""What a CA allows below itself: the length of the path (RFC 5280 4.2.1.9) and the names in it (4.2.1.10)."""

from collections.abc import Sequence

from app.findings import Finding, FindingCode, Severity
from app.rules.certificate import ParsedCertificate
from app.rules.display import quote


def examine(path: Sequence[ParsedCertificate], positions: Sequence[int]) -> tuple[Finding, ...]:
    """Everything that certificates of a path, which goes upwards, forbid to those below them."""
    found: list[Finding] = []
    for height, issuer in enumerate(path):
        below = [item for item in path[:height] if item.is_ca and not item.is_self_issued]
        if issuer.path_length is not None and len(below) > issuer.path_length:
            message = f"{quote(issuer.subject_text)} allows {issuer.path_length} CAs below itself, not {len(below)}."
            found.append(Finding(Severity.ERROR, FindingCode.PATHLEN_EXCEEDED, message, positions[height]))
    return tuple(found)
