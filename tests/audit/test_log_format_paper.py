"""The paper on the log's format tells the truth: each number of its example is computed from its own text.

What computes them is the paper as code, in `tests/peers/by_the_paper.py`; the product must agree, and a stranger's
script, which was written from the paper too, must say what the paper prints.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from app.audit import merkle, tiles
from app.audit.checkpoint import Note, VerifierKey, open_checkpoint
from app.audit.entry import leaf as leaf_of
from app.audit.proof import Receipt
from scripts import audit_verify
from tests.audit.acts import VECTORS
from tests.peers import by_the_paper
from tests.peers.by_the_paper import FAR_SEED, ORIGIN, SEED, base64, mth, proof, sha256
from tests.peers.exported import Entry

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[2]
PAPER = (ROOT / "docs" / "log-format.md").read_text(encoding="utf-8")
BLOCKS = dict[str, str](re.findall(r"```(?:text|json) (\S+)\n(.*?)\n```", PAPER, re.DOTALL))
ROWS = re.findall(r"^\| (\d) \| `(\S+)` \| (\d) \| `(\w+)` \| `(\w+)` \| `(\w+)` \|$", PAPER, re.MULTILINE)
LINES = BLOCKS["export"].encode().split(b"\n")
WITNESS = "witness.example/w1"


def example() -> list[Entry]:
    """The five entries, chained anew from the bodies that stand in the paper, in the order of their leaves."""
    bodies = {"sys/3": BLOCKS["sys/3"].encode().split(b"\n")}
    disclosures: dict[tuple[str, int], Any] = {}
    for line in LINES[1:-1]:
        before, _, body = line.partition(b'"body":')
        beside = json.loads(before + b'"body":0}')
        bodies.setdefault(beside["stream"], []).append(body[:-1])
        disclosures[beside["stream"], beside["aseq"]] = beside["disclosures"]
    made: dict[tuple[str, int], Entry] = {}
    for stream, of_stream in bodies.items():
        prev = bytes(32)
        for aseq, body in enumerate(of_stream, start=1):
            made[stream, aseq] = Entry(stream, aseq, prev, body, disclosures.get((stream, aseq), {}))
            prev = made[stream, aseq].hash
    return [made[stream, int(aseq)] for _, stream, aseq, *_ in ROWS]


ENTRIES = example()
LEAVES = [entry.leaf for entry in ENTRIES]
CHECKPOINT = by_the_paper.checkpoint(LEAVES)
KEPT = by_the_paper.checkpoint(LEAVES[:3])
CONSISTENCY = [base64(one) for one in proof(3, LEAVES)]


def test_the_entries_are_pinned() -> None:
    pinned = {(one["stream"], one["aseq"]): one for one in json.loads(VECTORS.read_text(encoding="utf-8")).values()}

    assert len(ENTRIES) == 5
    for entry in ENTRIES:
        vector = pinned[entry.stream, entry.aseq]
        assert (entry.body.decode(), entry.hash.hex()) == (vector["body"], vector["hash"])


def test_the_table_holds_every_hash() -> None:
    computed = [
        (str(at), one.stream, str(one.aseq), sha256(one.body).hex(), one.hash.hex(), sha256(b"\x00" + one.leaf).hex())
        for at, one in enumerate(ENTRIES)
    ]

    assert computed == ROWS
    assert BLOCKS["leaf-0"].encode() == LEAVES[0]
    assert {len(leaf) for leaf in LEAVES} == {89}
    assert [leaf_of(entry.hash) for entry in ENTRIES] == LEAVES


def test_the_tree_holds_every_node_and_tile() -> None:
    for line in BLOCKS["nodes"].split("\n"):
        start, end, found = re.findall(r"\w+", line)
        assert mth(LEAVES[int(start) : int(end)]).hex() == found
    hashes = b"".join(sha256(b"\x00" + leaf) for leaf in LEAVES)
    bundle = b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in LEAVES)

    assert (len(hashes), sha256(hashes).hex()) == (160, BLOCKS["tile"])
    assert (len(bundle), sha256(bundle).hex()) == (455, BLOCKS["entries"])
    assert tiles.bundle(LEAVES) == bundle
    assert tiles.path_of(tiles.TilePath(0, 1234067, 256)) == "0/x001/x234/067"


def test_the_checkpoints_are_signed() -> None:
    assert BLOCKS["vkey"] == by_the_paper.vkey()
    assert f"{BLOCKS['checkpoint']}\n" == CHECKPOINT
    assert f"{BLOCKS['checkpoint-3']}\n" == KEPT

    known = [VerifierKey.parse(BLOCKS["vkey"])]
    assert open_checkpoint(CHECKPOINT, known).root == mth(LEAVES)
    assert open_checkpoint(KEPT, known).root == mth(LEAVES[:3])


def test_the_witness_has_seen_it() -> None:
    cosigned = by_the_paper.cosigned(CHECKPOINT, WITNESS, FAR_SEED, 1_780_315_200)

    assert f"{CHECKPOINT}{BLOCKS['cosignature']}\n" == cosigned
    public = by_the_paper.public_of(FAR_SEED)
    note = Note.parse(cosigned)
    packed = note.signatures[1].signature
    message = f"cosignature/v1\ntime {int.from_bytes(packed[:8], 'big')}\n{note.text}".encode()
    Ed25519PublicKey.from_public_bytes(public).verify(packed[8:], message)
    witness = f"{WITNESS}+{by_the_paper.key_id(WITNESS, 4, public).hex()}+{base64(bytes([4]) + public)}"
    VerifierKey.parse(witness).require_signed(note)


def test_the_proofs_prove() -> None:
    assert BLOCKS["consistency-3-5"].split("\n") == CONSISTENCY
    nodes = [mth(LEAVES[start:end]) for start, end in ((2, 3), (3, 4), (0, 2), (4, 5))]
    assert [base64(one) for one in nodes] == CONSISTENCY
    merkle.require_consistent(3, mth(LEAVES[:3]), 5, mth(LEAVES), nodes)

    path = [mth(LEAVES[start:end]) for start, end in ((2, 3), (0, 2), (4, 5))]
    assert path == by_the_paper.path(3, LEAVES)
    lines = ["c2sp.org/tlog-proof@v1", f"extra {base64(LEAVES[3])}", "index 3", *map(base64, path), "", CHECKPOINT]
    assert f"{BLOCKS['receipt']}\n" == "\n".join(lines)
    Receipt.parse(f"{BLOCKS['receipt']}\n").require_proves(LEAVES[3], [VerifierKey.parse(BLOCKS["vkey"])])


def test_the_exported_file_is_made_of_these() -> None:
    account = [entry for entry in ENTRIES if entry.stream != "sys/3"]
    header, footer = json.loads(LINES[0]), json.loads(LINES[-1])["end"]

    assert LINES[1:-1] == [entry.line() for entry in account]
    assert (header["checkpoint"], header["vkey"]) == (CHECKPOINT, BLOCKS["vkey"])
    assert header["consistency"] == [{"size": 3, "hashes": CONSISTENCY}]
    assert header["streams"] == [{"stream": account[0].stream, "first": 1, "last": 3}]
    assert (footer["entries"], footer["withheld"]) == (3, 0)
    assert footer["receipts"] == [{"stream": account[0].stream, "aseq": 3, "receipt": f"{BLOCKS['receipt']}\n"}]
    for value, line in ((header, LINES[0]), ({"end": footer}, LINES[-1])):
        assert by_the_paper.compact(value) == line
    named = re.findall(r"^\| `(\w+)` \|", PAPER.partition("**Header**")[2].partition("**Entries.**")[0], re.MULTILINE)
    assert named == list(header)


def test_the_script_says_what_the_paper_prints(tmp_path: Path) -> None:
    (tmp_path / "export.jsonl").write_bytes(b"\n".join(LINES) + b"\n")
    (tmp_path / "kept").write_text(KEPT, encoding="utf-8")
    words = ["export.jsonl", "--vkey", BLOCKS["vkey"], "--trusted-checkpoint", "kept"]

    command = [sys.executable, "-I", str(ROOT / "scripts" / "audit_verify.py"), *words]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert (said.returncode, said.stdout, said.stderr) == (0, f"{BLOCKS['verdict']}\n", "")


def test_the_paper_names_every_code() -> None:
    source = (ROOT / "scripts" / "audit_verify.py").read_text(encoding="utf-8")
    code = r"[A-Z]+(?:_[A-Z]+)+|ROLLBACK"
    wrong, _, open_ones = (
        PAPER.partition("### Answers")[2].partition("## Generations")[0].partition("leave the question")
    )

    assert set(re.findall(rf"`({code})`", open_ones)) == audit_verify.NO_EVIDENCE
    assert set(re.findall(rf"`({code})`", wrong + open_ones)) == set(re.findall(rf'"({code})"', source))


def test_the_key_of_the_example_is_the_one_that_the_paper_tells() -> None:
    assert (bytes(range(0x20)), "log.example/anchorage") == (SEED, ORIGIN)
    assert bytes(range(1, 0x21)) == FAR_SEED


def test_every_link_of_the_paper_leads_somewhere() -> None:
    found = re.findall(r"^#+ (.*)$", PAPER, re.MULTILINE)
    headings = {re.sub(r"[^\w -]", "", one).lower().replace(" ", "-") for one in found}
    for target, place in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", PAPER):
        assert not target or (ROOT / "docs" / target).exists()
        assert target or place in headings
