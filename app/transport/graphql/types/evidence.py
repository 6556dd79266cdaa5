"""What proves that the log only grew: checkpoints, and proofs to them."""

from datetime import datetime
from typing import Self

from app.audit.checkpoint import Note
from app.audit.receipts import Published
from app.clock import from_micros
from app.transport.graphql.described import attribute, object_type
from app.transport.graphql.scalars import Base64, SafeInt, Sha256


@object_type
class AuditCheckpoint:
    """The whole installation's log at one size, signed. Keep one elsewhere: it proves what came before it."""

    origin: str = attribute("What the log is called.")
    tree_size: SafeInt = attribute("How many entries it covers.")
    root_hash: Sha256 = attribute("The Merkle root over them (RFC 9162 2.1).")
    signed_at: datetime = attribute("When it was signed.")
    note: str = attribute("The exact text that is signed.")
    signature: Base64 = attribute("The log's Ed25519 signature over `note`.")
    key_id: str = attribute("Which key signed it: eight hexadecimal digits of `verifierKey`.")
    verifier_key: str = attribute("The key to check it with (C2SP signed-note), also at `/log/vkey`.")
    signed_note: str = attribute(
        "All of it as `/log/checkpoint` has it (C2SP tlog-checkpoint), with the cosignatures of witnesses."
    )

    @classmethod
    def of(cls, published: Published) -> Self:
        """As the schema shows it."""
        note = Note.parse(published.note)
        (signature,) = published.vkey.signatures_in(note)
        return cls(
            origin=published.origin,
            tree_size=SafeInt(published.size),
            root_hash=Sha256(published.signed.root),
            signed_at=from_micros(published.signed.signed_at),
            note=note.text,
            signature=Base64(signature.signature),
            key_id=published.vkey.key_id.hex(),
            verifier_key=str(published.vkey),
            signed_note=published.note,
        )


@object_type
class AuditInclusionProof:
    """The hashes that lead from one entry to a root (RFC 9162 2.1.3)."""

    leaf_index: SafeInt = attribute("The entry's place in the tree, counted from 0.")
    leaf_hash: Sha256 = attribute(
        'The hash of its leaf: of a zero byte and `{"entry":"sha256:<hash>","v":1}`, where `<hash>` is the entry\'s.'
    )
    tree_size: SafeInt = attribute("The size it is proven against.")
    root_hash: Sha256 = attribute("The root it must lead to.")
    hashes: list[Sha256] = attribute("The path, from the leaf up.")


@object_type
class AuditConsistencyProof:
    """The hashes that show one log to be the start of another (RFC 9162 2.1.4)."""

    from_tree_size: SafeInt = attribute("The smaller size.")
    to_tree_size: SafeInt = attribute("The larger size.")
    from_root_hash: Sha256 = attribute("The root at the smaller size.")
    to_root_hash: Sha256 = attribute("The root at the larger size.")
    hashes: list[Sha256] = attribute("The proof; empty where the sizes are equal, or the smaller one is 0.")
