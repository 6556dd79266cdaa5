"""The answer of a verification, as programs read it."""

from app.audit.states import Json
from app.audit.stored import Verification, VerifiedTree


def as_json(verification: Verification) -> Json:
    """The answer for programs: stable names and codes."""
    return {
        "verdict": verification.verdict.value,
        "streams": verification.streams,
        "entries": verification.entries,
        "objects": verification.objects,
        "tree": None if verification.tree is None else _tree_as_json(verification.tree),
        "removals": [
            {
                "kind": removal.kind.value,
                "target": removal.target,
                "count": removal.count,
                "stream": removal.stream,
                "aseq": removal.aseq,
                "entryId": removal.entry_id,
            }
            for removal in verification.removals
        ],
        "counts": {code.value: count for code, count in sorted(verification.counts.items())},
        "findings": [
            {
                "code": finding.code.value,
                "message": finding.message,
                "stream": finding.stream,
                "aseq": finding.aseq,
                "entryId": finding.entry_id,
                "targetType": finding.target_type,
                "targetId": finding.target_id,
            }
            for finding in verification.findings
        ],
    }


def _tree_as_json(tree: VerifiedTree) -> Json:
    return {
        "origin": tree.origin,
        "size": tree.size,
        "root": tree.root.hex(),
        "checkpoints": tree.checkpoints,
        "compared": tree.compared,
    }
