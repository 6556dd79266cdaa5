"""Each way to tamper with an exported file, by name, and where it must be noticed."""

from base64 import b64encode
from collections.abc import Callable

from tests.peers import by_the_paper
from tests.peers.by_the_paper import FAR_SEED, checkpoint
from tests.peers.exported import STREAM, Entry, File, disclosure, lived


def spoil_body(file: File) -> None:
    file.replace(6, b'"status":"INACTIVE"', b'"status":"BLOCKED!"')


def spoil_hash(file: File) -> None:
    last = by_the_paper.sha256(b"another")
    file.lines[6] = file.lines[6].replace(file.lines[6].partition(b'"hash":"')[2][:64], last.hex().encode())


def spoil_body_and_hash_anew(file: File) -> None:
    """The changed entry is right in itself; only the next one still names what it was."""
    entry = lived().entries()[5]
    body = entry.body.replace(b"INACTIVE", b"BLOCKED!")
    file.lines[5] = Entry(STREAM, 6, entry.prev, body, entry.disclosures).line()


def drop(file: File) -> None:
    del file.lines[4]


def drop_and_count_anew(file: File) -> None:
    del file.lines[4]
    file.footer["entries"] -= 1


def drop_the_end_alone(file: File) -> None:
    del file.lines[-2:]
    file.footer["entries"] -= 2


def drop_the_end(file: File) -> None:
    del file.lines[-2:]
    file.footer["entries"] -= 2
    file.header["streams"][0]["last"] -= 2
    file.footer["receipts"][0]["aseq"] -= 2


def reorder(file: File) -> None:
    file.lines[4], file.lines[5] = file.lines[5], file.lines[4]


def write_twice(file: File) -> None:
    file.lines.insert(4, file.lines[4])


def append_by_hand(file: File) -> None:
    """One entry more, rightly chained, with everything that counts it."""
    last = lived().entries()[-1]
    file.lines.append(Entry(STREAM, 12, last.hash, last.body).line())
    file.footer["entries"] += 1
    file.header["streams"][0]["last"] += 1
    file.footer["receipts"][0]["aseq"] += 1


def replace_checkpoint(file: File) -> None:
    text, _, below = file.header["checkpoint"].partition("\n\n")
    origin, size, _ = text.split("\n")
    file.header["checkpoint"] = f"{origin}\n{size}\n{by_the_paper.base64(bytes(32))}\n\n{below}"


def sign_with_another_key(file: File) -> None:
    log = lived()
    file.header["checkpoint"] = checkpoint(log.leaves, seed=FAR_SEED)


def receipt_of_another_leaf(file: File) -> None:
    log = lived()
    receipt = log.receipt(log.entries()[3], 23, file.header["checkpoint"])
    file.footer["receipts"][0]["receipt"] = receipt


def receipt_that_tells_of_another_leaf(file: File) -> None:
    log = lived()
    own, other = (b64encode(log.entries()[at].leaf).decode() for at in (-1, 3))
    receipt = log.receipt(log.entries()[-1], 23, file.header["checkpoint"], extra=True)
    assert own in receipt
    file.footer["receipts"][0]["receipt"] = receipt.replace(own, other)


def receipt_for_another_tree(file: File) -> None:
    log = lived()
    receipt = log.receipt(log.entries()[-1], 22, checkpoint(log.leaves[:22]))
    file.footer["receipts"][0]["receipt"] = receipt


def receipt_signed_by_another_key(file: File) -> None:
    log = lived()
    receipt = log.receipt(log.entries()[-1], 23, checkpoint(log.leaves, seed=FAR_SEED))
    file.footer["receipts"][0]["receipt"] = receipt


def no_receipt(file: File) -> None:
    file.footer["receipts"] = []


def a_receipt_too_many(file: File) -> None:
    file.footer["receipts"].append(file.footer["receipts"][0] | {"aseq": 3})


def hide_a_body(file: File) -> None:
    file.lines[4] = lived().entries()[4].withheld("not_selected")
    file.footer["withheld"] = 1


def hide_a_body_uncounted(file: File) -> None:
    file.lines[4] = lived().entries()[4].withheld("archived")


def disclose_falsely(file: File) -> None:
    true, false = (disclosure(41, "actor.name", name).encode() for name in ("Ada", "Bob"))
    file.replace(4, true, false)


def disclose_twice(file: File) -> None:
    true = b'"%b"' % disclosure(41, "actor.name", "Ada").encode()
    file.replace(4, true, b"%b,%b" % (true, true))


def file_under_somebody_else(file: File) -> None:
    file.replace(4, b'"0190a0000000700080000000000000f1":[', b'"0190a0000000700080000000000000f2":[')


def deny_personal_data(file: File) -> None:
    file.header["personal_data"] = False


def two_members_of_one_name(file: File) -> None:
    file.replace(4, b'"disclosures":', b'"hash":"%b","disclosures":' % (b"0" * 64))


TAMPERED: dict[Callable[[File], None], tuple[int | None, str]] = {
    spoil_body: (6, "ENTRY_HASH_MISMATCH"),
    spoil_hash: (7, "ENTRY_HASH_MISMATCH"),
    spoil_body_and_hash_anew: (7, "PREV_MISMATCH"),
    drop: (5, "ASEQ_GAP"),
    drop_and_count_anew: (5, "ASEQ_GAP"),
    drop_the_end_alone: (10, "ASEQ_GAP"),
    drop_the_end: (9, "RECEIPT_MISMATCH"),
    reorder: (5, "ASEQ_GAP"),
    write_twice: (6, "ASEQ_GAP"),
    append_by_hand: (12, "RECEIPT_MISMATCH"),
    replace_checkpoint: (None, "CHECKPOINT_NOT_SIGNED"),
    sign_with_another_key: (None, "CHECKPOINT_NOT_SIGNED"),
    receipt_of_another_leaf: (11, "RECEIPT_MISMATCH"),
    receipt_that_tells_of_another_leaf: (11, "RECEIPT_MISMATCH"),
    receipt_for_another_tree: (11, "RECEIPT_MISMATCH"),
    receipt_signed_by_another_key: (11, "CHECKPOINT_NOT_SIGNED"),
    no_receipt: (11, "RECEIPT_MISSING"),
    a_receipt_too_many: (None, "RECEIPT_UNEXPECTED"),
    hide_a_body: (5, "SELECTION_DIFFERS"),
    hide_a_body_uncounted: (None, "COUNT_DIFFERS"),
    disclose_falsely: (4, "DISCLOSURE_UNKNOWN"),
    disclose_twice: (4, "DISCLOSURE_UNKNOWN"),
    file_under_somebody_else: (4, "DISCLOSURE_SUBJECT_DIFFERS"),
    deny_personal_data: (1, "SELECTION_DIFFERS"),
    two_members_of_one_name: (4, "LINE_MALFORMED"),
}
