// Verifies logs and receipts with @sigstore/verify, and with none of the product's code.
//
//   node log.js VKEY WHERE...
//
// Each WHERE is a log, as its directory or the address that it is served at, or a receipt, as a file `….tlog-proof`.
// Of a log every leaf is proved from the tiles. Prints one line of JSON for each: `verified`, with the number of
// leaves, or `refused`, with the reason.
import { createHash, createPublicKey } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import checkpoints from "@sigstore/verify/dist/tlog/checkpoint.js";
import inclusion from "@sigstore/verify/dist/tlog/index.js";

const WIDTH = 256;
const ED25519_PREFIX = Buffer.from("302a300506032b6570032100", "hex");

const [vkey, ...places] = process.argv.slice(2);
const authority = trusted(vkey);

// The log of a verifier key. What sigstore calls a log's id begins with the id of its key.
function trusted(text) {
  const [name, keyId, ...rest] = text.trim().split("+");
  const material = Buffer.from(rest.join("+"), "base64");
  return {
    baseURL: `https://${name}`,
    logID: Buffer.from(keyId, "hex"),
    publicKey: createPublicKey({
      key: Buffer.concat([ED25519_PREFIX, material.subarray(1)]),
      format: "der",
      type: "spki",
    }),
    validFor: { start: new Date(0), end: new Date(8.64e15) },
  };
}

async function read(where, path) {
  if (!where.includes("://")) return readFile(join(where, path));
  const response = await fetch(`${where.replace(/\/$/, "")}/${path}`);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return Buffer.from(await response.arrayBuffer());
}

function requireIncluded(leaf, index, hashes, envelope) {
  inclusion.verifyTLogInclusion(
    {
      logIndex: String(index),
      logId: { keyId: authority.logID },
      kindVersion: { kind: "entry", version: "1" },
      inclusionProof: { logIndex: String(index), hashes, checkpoint: { envelope } },
      canonicalizedBody: leaf,
    },
    [authority],
  );
}

function split(count) {
  let half = 1;
  while (half * 2 < count) half *= 2;
  return half;
}

// The tiles of a tree of a known size, and what can be computed from them.
class Tiles {
  constructor(where, size) {
    this.where = where;
    this.size = size;
    this.held = new Map();
    this.hashes = new Map();
  }

  async leaves() {
    const found = [];
    for (let number = 0; number * WIDTH < this.size; number += 1) {
      let packed = await this.tile("entries", number, this.size);
      while (packed.length > 0) {
        const end = 2 + packed.readUInt16BE(0);
        found.push(packed.subarray(2, end));
        packed = packed.subarray(end);
      }
    }
    return found;
  }

  // The inclusion proof of a leaf, from the leaf up (RFC 6962 2.1.1).
  async path(index) {
    const path = [];
    let [start, end] = [0, this.size];
    while (end - start > 1) {
      const middle = start + split(end - start);
      if (index < middle) {
        path.unshift(await this.hash(middle, end));
        end = middle;
      } else {
        path.unshift(await this.hash(start, middle));
        start = middle;
      }
    }
    return path;
  }

  async hash(start, end) {
    const run = `${start} ${end}`;
    if (!this.hashes.has(run)) this.hashes.set(run, await this.computed(start, end));
    return this.hashes.get(run);
  }

  async computed(start, end) {
    let [level, each] = [0, 1];
    while (each < end - start) [level, each] = [level + 1, each * WIDTH];
    if (each === end - start) {
      const number = start / each;
      const held = await this.tile(level, Math.floor(number / WIDTH), Math.floor(this.size / each));
      const at = (number % WIDTH) * 32;
      return held.subarray(at, at + 32);
    }
    const middle = start + split(end - start);
    const [left, right] = [await this.hash(start, middle), await this.hash(middle, end)];
    return createHash("sha256").update(Buffer.from([1])).update(left).update(right).digest();
  }

  async tile(level, number, reaches) {
    const groups = [];
    for (let rest = number; rest > 0 || groups.length === 0; rest = Math.floor(rest / 1000)) {
      groups.unshift(`${groups.length ? "x" : ""}${String(rest % 1000).padStart(3, "0")}`);
    }
    const width = Math.min(WIDTH, reaches - number * WIDTH);
    const path = `tile/${level}/${groups.join("/")}${width < WIDTH ? `.p/${width}` : ""}`;
    if (!this.held.has(path)) this.held.set(path, await read(this.where, path));
    return this.held.get(path);
  }
}

async function verifyLog(where) {
  const envelope = (await read(where, "checkpoint")).toString();
  const checkpoint = checkpoints.verifyCheckpoint({ inclusionProof: { checkpoint: { envelope } } }, [authority]);
  const tiles = new Tiles(where, Number(checkpoint.logSize));
  const leaves = await tiles.leaves();
  if (leaves.length !== tiles.size) throw new Error(`${leaves.length} leaves in the bundles of a tree of ${tiles.size}`);
  for (const [index, leaf] of leaves.entries()) requireIncluded(leaf, index, await tiles.path(index), envelope);
  return leaves.length;
}

async function verifyReceipt(file) {
  const text = await readFile(file, "utf8");
  const between = text.indexOf("\n\n");
  const [, extra, index, ...hashes] = text.slice(0, between).split("\n");
  requireIncluded(
    Buffer.from(extra.slice("extra ".length), "base64"),
    index.slice("index ".length),
    hashes.map((one) => Buffer.from(one, "base64")),
    text.slice(between + 2),
  );
  return 1;
}

for (const where of places) {
  try {
    const verified = await (where.endsWith(".tlog-proof") ? verifyReceipt(where) : verifyLog(where));
    console.log(JSON.stringify({ verified }));
  } catch (error) {
    console.log(JSON.stringify({ refused: error.message }));
  }
}
