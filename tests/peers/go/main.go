// Verifies logs, receipts and consistency proofs with Go's own packages for the checksum database, and with none of
// the product's code.
//
//	go run main.go VKEY WHERE...
//
// Each WHERE is a log, as its directory or the address that it is served at; a receipt, as a file `….tlog-proof`; or
// a consistency proof, as a file `….consistency` of JSON with the notes `old` and `new` and the `hashes` between them.
// Of a log the tree is built anew from the leaves, and each tile is compared with it: tlog's TileHashReader before
// golang.org/x/mod 0.40 accepts forged tiles. Prints one line of JSON for each: `verified`, with the number of leaves,
// or `refused`, with the reason.
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

func read(where, path string) ([]byte, error) {
	if !strings.Contains(where, "://") {
		return os.ReadFile(filepath.Join(where, path))
	}
	response, err := http.Get(strings.TrimSuffix(where, "/") + "/" + path)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", path, response.Status)
	}
	return io.ReadAll(response.Body)
}

// opened is the tree of a checkpoint that the log signed.
func opened(text []byte, log note.Verifier) (tlog.Tree, error) {
	signed, err := note.Open(text, note.VerifierList(log))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(signed.Text, "\n")
	if len(lines) < 4 || lines[0] != log.Name() {
		return tlog.Tree{}, errors.New("not a checkpoint of this log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: root}, err
}

// pathOf is where tlog-tiles has a tile; tlog names its height as well.
func pathOf(tile tlog.Tile) string {
	path := strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/", height))
	return "tile/" + strings.Replace(path, "data/", "entries/", 1)
}

// current are the tiles of a tree: of its partial ones those of its own size.
func current(size int64) []tlog.Tile {
	var tiles []tlog.Tile
	for _, tile := range tlog.NewTiles(height, 0, size) {
		reaches := size>>(height*tile.L) - tile.N<<height
		if tile.W == 1<<height || int64(tile.W) == reaches {
			tiles = append(tiles, tile)
		}
	}
	return tiles
}

type hashes []tlog.Hash

func (stored hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, len(indexes))
	for at, index := range indexes {
		if index >= int64(len(stored)) {
			return nil, errors.New("beyond the tree")
		}
		found[at] = stored[index]
	}
	return found, nil
}

// rebuilt is the tree of the leaves in the log's bundles.
func rebuilt(where string, tiles []tlog.Tile) (stored hashes, size int64, err error) {
	for _, tile := range tiles {
		if tile.L != 0 {
			continue
		}
		tile.L = -1
		packed, err := read(where, pathOf(tile))
		if err != nil {
			return nil, 0, err
		}
		for len(packed) > 0 {
			if len(packed) < 2 || len(packed) < 2+int(binary.BigEndian.Uint16(packed)) {
				return nil, 0, errors.New("a bundle is truncated")
			}
			end := 2 + int(binary.BigEndian.Uint16(packed))
			more, err := tlog.StoredHashes(size, packed[2:end], stored)
			if err != nil {
				return nil, 0, err
			}
			stored, size, packed = append(stored, more...), size+1, packed[end:]
		}
	}
	return stored, size, nil
}

func verifyLog(where string, log note.Verifier) (int64, error) {
	text, err := read(where, "checkpoint")
	if err != nil {
		return 0, err
	}
	tree, err := opened(text, log)
	if err != nil {
		return 0, err
	}
	tiles := current(tree.N)
	stored, size, err := rebuilt(where, tiles)
	if err != nil {
		return 0, err
	}
	root, err := tlog.TreeHash(size, stored)
	if err != nil {
		return 0, err
	}
	if size != tree.N || root != tree.Hash {
		return 0, fmt.Errorf("the %d leaves have another root than the checkpoint of %d says", size, tree.N)
	}
	for _, tile := range tiles {
		served, err := read(where, pathOf(tile))
		if err != nil {
			return 0, err
		}
		wanted, err := tlog.ReadTileData(tile, stored)
		if err != nil {
			return 0, err
		}
		if !bytes.Equal(served, wanted) {
			return 0, fmt.Errorf("%s does not hold the hashes of the leaves", pathOf(tile))
		}
	}
	return size, nil
}

func decoded(lines []string) ([]tlog.Hash, error) {
	var found []tlog.Hash
	for _, line := range lines {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return nil, err
		}
		found = append(found, hash)
	}
	return found, nil
}

func verifyReceipt(text string, log note.Verifier) (int64, error) {
	proof, signed, _ := strings.Cut(text, "\n\n")
	lines := strings.Split(proof, "\n")
	if len(lines) < 3 {
		return 0, errors.New("not a receipt with its leaf")
	}
	tree, err := opened([]byte(signed), log)
	if err != nil {
		return 0, err
	}
	leaf, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
	if err != nil {
		return 0, err
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	if err != nil {
		return 0, err
	}
	path, err := decoded(lines[3:])
	if err != nil {
		return 0, err
	}
	return 1, tlog.CheckRecord(path, tree.N, tree.Hash, index, tlog.RecordHash(leaf))
}

func verifyConsistency(text []byte, log note.Verifier) (int64, error) {
	var given struct {
		Old, New string
		Hashes   []string
	}
	if err := json.Unmarshal(text, &given); err != nil {
		return 0, err
	}
	before, err := opened([]byte(given.Old), log)
	if err != nil {
		return 0, err
	}
	after, err := opened([]byte(given.New), log)
	if err != nil {
		return 0, err
	}
	path, err := decoded(given.Hashes)
	if err != nil {
		return 0, err
	}
	return 1, tlog.CheckTree(path, after.N, after.Hash, before.N, before.Hash)
}

func verify(where string, log note.Verifier) (int64, error) {
	kind := filepath.Ext(where)
	if kind != ".tlog-proof" && kind != ".consistency" {
		return verifyLog(where, log)
	}
	text, err := os.ReadFile(where)
	if err != nil {
		return 0, err
	}
	if kind == ".consistency" {
		return verifyConsistency(text, log)
	}
	return verifyReceipt(string(text), log)
}

func main() {
	log, err := note.NewVerifier(strings.TrimSpace(os.Args[1]))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(64)
	}
	for _, where := range os.Args[2:] {
		said := map[string]any{}
		if verified, err := verify(where, log); err != nil {
			said["refused"] = err.Error()
		} else {
			said["verified"] = verified
		}
		line, _ := json.Marshal(said)
		fmt.Println(string(line))
	}
}
