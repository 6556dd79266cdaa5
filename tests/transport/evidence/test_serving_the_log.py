"""Anyone reads the log: what a published checkpoint covers, byte for byte, and nothing beyond."""

import gzip
import hashlib

import httpx
import pytest

from app.audit.checkpoint import Note, VerifierKey, open_checkpoint
from app.audit.merkle import leaf_hash
from app.audit.tiles import WIDTH, bundle, split_hashes, unbundle
from app.store import cosignatures
from app.transport.metrics import Metrics
from app.transport.rates import Rates
from tests.audit.signing import WITNESS, cosigned_line
from tests.growing import NAME, Growing
from tests.transport.evidence.conftest import REQUESTS_PER_MINUTE

FULL = 32 * WIDTH
TILES_OF_THREE = ("tile/0/000.p/3", "tile/entries/000.p/3")


async def test_before_the_first_checkpoint_there_is_nothing_and_a_sentence(client: httpx.AsyncClient) -> None:
    for path in ("checkpoint", "vkey", "tile/0/000.p/1", "tile/entries/000.p/1"):
        answer = await client.get(f"/log/{path}")

        assert answer.status_code == 404
        assert answer.text == "There is no checkpoint yet: the log's notary has signed none.\n"


async def test_the_checkpoint_is_signed_by_the_key_that_is_served(client: httpx.AsyncClient, growing: Growing) -> None:
    newest = await growing.grow_to(3)

    note = await client.get("/log/checkpoint")
    vkey = await client.get("/log/vkey")

    assert note.headers["content-type"] == vkey.headers["content-type"] == "text/plain; charset=utf-8"
    assert note.headers["cache-control"] == vkey.headers["cache-control"] == "no-cache"
    assert vkey.text.endswith("\n")
    checkpoint = open_checkpoint(note.text, [VerifierKey.parse(vkey.text)])
    assert (checkpoint.origin, checkpoint.size, checkpoint.root) == (NAME, 3, newest.signed.root)


async def test_an_unchanged_checkpoint_is_not_sent_again(client: httpx.AsyncClient, growing: Growing) -> None:
    await growing.grow_to(3)
    tag = (await client.get("/log/checkpoint")).headers["etag"]

    for condition in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        unchanged = await client.get("/log/checkpoint", headers={"if-none-match": condition})
        assert (unchanged.status_code, unchanged.content, unchanged.headers["etag"]) == (304, b"", tag)

    await growing.grow_to(4)
    changed = await client.get("/log/checkpoint", headers={"if-none-match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag


async def test_a_cosignature_makes_another_checkpoint_of_it(client: httpx.AsyncClient, growing: Growing) -> None:
    newest = await growing.grow_to(3)
    before = await client.get("/log/checkpoint")
    line = cosigned_line(Note.parse(newest.note).text)
    await growing.house.database.write(
        "test", lambda transaction: cosignatures.insert(transaction, newest.generation, 3, WITNESS, line)
    )

    after = await client.get("/log/checkpoint", headers={"if-none-match": before.headers["etag"]})

    assert after.text == before.text + line


async def test_entries_hash_to_the_leaves_and_these_to_the_tile_above(
    client: httpx.AsyncClient, growing: Growing
) -> None:
    await growing.grow_to(WIDTH + 44)

    for part, width in (("000", WIDTH), ("001.p/44", 44)):
        entries = await client.get(f"/log/tile/entries/{part}")
        leaves = unbundle(entries.content)
        hashes = await client.get(f"/log/tile/0/{part}")

        assert len(leaves) == width
        assert split_hashes(hashes.content) == [leaf_hash(leaf) for leaf in leaves]
    above = await client.get("/log/tile/1/000.p/1")
    nodes = split_hashes((await client.get("/log/tile/0/000")).content)
    while len(nodes) > 1:
        nodes = [
            hashlib.sha256(b"\x01" + left + right).digest() for left, right in zip(nodes[::2], nodes[1::2], strict=True)
        ]
    assert above.content == nodes[0]


async def test_tiles_never_change_and_say_so(client: httpx.AsyncClient, growing: Growing) -> None:
    await growing.grow_to(5)
    early = {path: (await client.get(f"/log/tile/{path}")).content for path in ("0/000.p/5", "entries/000.p/5")}
    await growing.grow_to(WIDTH + 1)

    for path, before in early.items():
        later = await client.get(f"/log/tile/{path}")
        assert later.content == before
        assert later.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert later.headers["content-type"] == "application/octet-stream"
    full = await client.get("/log/tile/0/000")
    assert len(full.content) == FULL
    assert full.content.startswith(early["0/000.p/5"])


async def test_nothing_beyond_the_published_checkpoint_is_served(client: httpx.AsyncClient, growing: Growing) -> None:
    await growing.grow_to(WIDTH + 2)
    await growing.write(5)
    await growing.sign_unpublished()

    allowed = {"0/000", "0/001.p/1", "0/001.p/2", "1/000.p/1", "entries/000", "entries/001.p/2", "0/000.p/255"}
    refused = {
        "0/001": "The published tree of 258 leaves has 2 of 256 here: tile/0/001.p/2.\n",
        "0/001.p/7": "The published tree of 258 leaves has 2 of 7 here: tile/0/001.p/2.\n",
        "0/001.p/3": "The published tree of 258 leaves has 2 of 3 here: tile/0/001.p/2.\n",
        "entries/001.p/3": "The published tree of 258 leaves has 2 of 3 here: tile/entries/001.p/2.\n",
        "entries/001": "The published tree of 258 leaves has 2 of 256 here: tile/entries/001.p/2.\n",
        "0/002.p/1": "The published tree of 258 leaves does not reach tile/0/002.p/1.\n",
        "1/000": "The published tree of 258 leaves has 1 of 256 here: tile/1/000.p/1.\n",
        "1/000.p/2": "The published tree of 258 leaves has 1 of 2 here: tile/1/000.p/1.\n",
        "2/000.p/1": "The published tree of 258 leaves does not reach tile/2/000.p/1.\n",
        "63/000.p/1": "The published tree of 258 leaves does not reach tile/63/000.p/1.\n",
        "0/x999/x999/999": "The published tree of 258 leaves does not reach tile/0/x999/x999/999.\n",
    }
    for path in allowed:
        assert (await client.get(f"/log/tile/{path}")).status_code == 200, path
    for path, sentence in refused.items():
        answer = await client.get(f"/log/tile/{path}")
        assert (answer.status_code, answer.text) == (404, sentence), path
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("0/x000/000", "This tile is spelled tile/0/000."),
        ("00/000", "This tile is spelled tile/0/000."),
        ("0/1", "A tile's path is"),
        ("0/0000", "A tile's path is"),
        ("0/x001/x234", "A tile's path is"),
        ("0/001/234", "A tile's path is"),
        ("64/000", "A tile's level goes to 63"),
        ("0/" + "x999/" * 6 + "999", "A tile's level goes to 63"),
        ("0/000.p/0", "A partial tile has 1 to 255 hashes"),
        ("0/000.p/256", "A partial tile has 1 to 255 hashes"),
        ("0/000.p/01", "This tile is spelled tile/0/000.p/1."),
        ("0/000.p/", "A tile's path is"),
        ("0/%30%30%30", "A tile's path holds no percent-encoding."),
        ("0/000%0A", "A tile's path holds no percent-encoding."),
        ("0/000/", "A tile's path is"),
        ("-1/000", "A tile's path is"),
        ("0/00\u0661", "A tile's path holds no percent-encoding."),
        ("data/000", "A tile's path is"),
        ("", "A tile's path is"),
    ],
)
async def test_a_path_has_one_spelling(client: httpx.AsyncClient, path: str, reason: str) -> None:
    answer = await client.get(f"/log/tile/{path}")

    assert answer.status_code == 400
    assert answer.text.startswith(reason)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


async def test_entries_are_packed_for_who_takes_it(client: httpx.AsyncClient, growing: Growing) -> None:
    await growing.grow_to(40)

    plain = await _raw(client, "entries/000.p/40", "identity")
    packed = await _raw(client, "entries/000.p/40", "gzip")

    assert "content-encoding" not in plain[0]
    assert packed[0]["content-encoding"] == "gzip"
    assert plain[0]["vary"] == packed[0]["vary"] == "accept-encoding"
    assert gzip.decompress(packed[1]) == plain[1] == bundle(unbundle(plain[1]))
    assert len(packed[1]) < len(plain[1])
    hashes = await _raw(client, "0/000.p/40", "gzip")
    assert "content-encoding" not in hashes[0]


async def _raw(client: httpx.AsyncClient, path: str, accepted: str) -> tuple[httpx.Headers, bytes]:
    async with client.stream("GET", f"/log/tile/{path}", headers={"accept-encoding": accepted}) as answer:
        return answer.headers, b"".join([chunk async for chunk in answer.aiter_raw()])


async def test_a_head_says_what_a_get_would(client: httpx.AsyncClient, growing: Growing) -> None:
    await growing.grow_to(4)

    for path in ("checkpoint", "vkey", "tile/0/000.p/4", "tile/entries/000.p/4"):
        whole, head = await client.get(f"/log/{path}"), await client.head(f"/log/{path}")
        assert head.status_code == 200
        for name in ("content-length", "content-type", "cache-control", "etag"):
            assert head.headers.get(name) == whole.headers.get(name)


@pytest.mark.parametrize("path", ["checkpoint", "vkey", "tile/0/000.p/1", "tile/entries/000.p/1"])
async def test_other_methods_are_refused(client: httpx.AsyncClient, path: str) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        answer = await client.request(method, f"/log/{path}")
        assert (answer.status_code, set(answer.headers["allow"].split(", "))) == (405, {"GET", "HEAD"}), method


async def test_pages_of_other_origins_may_read_it(client: httpx.AsyncClient, growing: Growing) -> None:
    await growing.grow_to(1)

    for path in ("checkpoint", "vkey", "tile/0/000.p/1", "tile/0/001.p/1", "tile/0/1"):
        answer = await client.get(f"/log/{path}", headers={"origin": "https://verifier.example"})
        assert answer.headers["access-control-allow-origin"] == "*", path
        assert "access-control-allow-credentials" not in answer.headers


async def test_a_scan_of_paths_makes_no_new_series(
    client: httpx.AsyncClient, growing: Growing, metrics: Metrics
) -> None:
    await growing.grow_to(1)
    for number in range(30):
        await client.get(f"/log/tile/0/{number:03}")

    routes = {
        line.split('route="')[1].split('"')[0]
        for line in metrics.exposition().decode().split("\n")
        if 'route="' in line
    }
    assert routes == {"/log/tile/{path:path}"}


async def test_a_log_that_was_begun_anew_has_addresses_of_its_own(client: httpx.AsyncClient, growing: Growing) -> None:
    await growing.grow_to(3)
    before = {path: (await client.get(f"/log/{path}")).content for path in ("vkey", *TILES_OF_THREE)}

    await growing.begin_anew()
    for path in ("vkey", *TILES_OF_THREE):
        unsigned = await client.get(f"/log/2/{path}")
        assert (unsigned.status_code, unsigned.text) == (
            404,
            "There is no checkpoint yet: the log's notary has signed none.\n",
        )
    await growing.write(1)
    newest = await growing.sign()

    for path, content in before.items():
        assert (await client.get(f"/log/{path}")).content == content, path
        assert (await client.get(f"/log/2/{path}")).content != content, path
    ended = await client.get("/log/checkpoint")
    assert ended.status_code == 410
    assert ended.text == f"This log has ended. It goes on as {NAME}/2: /log/2/checkpoint.\n"
    assert ended.headers["cache-control"] == "no-store"
    note, vkey = await client.get("/log/2/checkpoint"), await client.get("/log/2/vkey")
    checkpoint = open_checkpoint(note.text, [VerifierKey.parse(vkey.text)])
    assert (checkpoint.origin, checkpoint.size, checkpoint.root) == (f"{NAME}/2", 5, newest.signed.root)


@pytest.mark.parametrize("named", ["0", "1", "02", "x", "-2", "2.0", "9" * 10, "9" * 5_000])
@pytest.mark.parametrize("path", ["checkpoint", "vkey", "tile/0/000.p/1"])
async def test_no_address_is_a_second_name_of_a_log(
    client: httpx.AsyncClient, growing: Growing, named: str, path: str
) -> None:
    await growing.grow_to(1)

    answer = await client.get(f"/log/{named}/{path}")

    assert (answer.status_code, answer.text) == (404, "There is no such log. The first one is /log/checkpoint.\n")


async def test_a_log_that_is_not_there_yet_is_told_from_the_newest(client: httpx.AsyncClient, growing: Growing) -> None:
    await growing.grow_to(1)
    for path in ("checkpoint", "vkey", "tile/0/000.p/1"):
        answer = await client.get(f"/log/7/{path}")
        assert answer.status_code == 404
        assert answer.text == "There is no such log. The newest checkpoint is /log/checkpoint.\n"


async def test_an_address_is_bounded(client: httpx.AsyncClient, growing: Growing, rates: Rates) -> None:
    await growing.grow_to(1)
    for _ in range(REQUESTS_PER_MINUTE):
        assert (await client.get("/log/vkey")).status_code == 200

    refused = await client.get("/log/checkpoint")

    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert rates.is_spent("127.0.0.1")
