// Judges notes, proofs and tiles with the packages that the Go project uses for its checksum database: golang.org/x/mod/sumdb/note and tlog.
// Reads a JSON array of cases from standard input and writes an array of verdicts: "" for accepted, otherwise why not.
package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// A testCase holds bytes in base64, because a mutated note need not be text.
type testCase struct {
	Kind       string   `json:"kind"`
	Vkey       string   `json:"vkey"`
	Checkpoint string   `json:"checkpoint"`
	Old        string   `json:"old"`
	Index      int64    `json:"index"`
	Leaf       string   `json:"leaf"`
	Proof      []string `json:"proof"`
	Dir        string   `json:"dir"`
	Entries    []string `json:"entries"`
}

func main() {
	var cases []testCase
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	verdicts := make([]string, len(cases))
	for i, one := range cases {
		if err := judge(one); err != nil {
			verdicts[i] = err.Error()
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(verdicts); err != nil {
		os.Exit(2)
	}
}

// judge turns a panic of a library that was handed nonsense into a refusal.
func judge(one testCase) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v", cause)
		}
	}()
	tree, err := open(one.Vkey, one.Checkpoint)
	if err != nil {
		return err
	}
	switch one.Kind {
	case "note":
		return nil
	case "record":
		leaf, err := base64.StdEncoding.DecodeString(one.Leaf)
		if err != nil {
			return err
		}
		proof, err := hashes(one.Proof)
		if err != nil {
			return err
		}
		return tlog.CheckRecord(tlog.RecordProof(proof), tree.N, tree.Hash, one.Index, tlog.RecordHash(leaf))
	case "consistency":
		old, err := open(one.Vkey, one.Old)
		if err != nil {
			return err
		}
		proof, err := hashes(one.Proof)
		if err != nil {
			return err
		}
		return tlog.CheckTree(tlog.TreeProof(proof), tree.N, tree.Hash, old.N, old.Hash)
	case "tiles":
		return checkTiles(one, tree)
	}
	return errors.New("unknown kind")
}

// open verifies a checkpoint and reads its three lines.
func open(vkey, checkpoint string) (tlog.Tree, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return tlog.Tree{}, err
	}
	message, err := base64.StdEncoding.DecodeString(checkpoint)
	if err != nil {
		return tlog.Tree{}, err
	}
	opened, err := note.Open(message, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return tlog.Tree{}, errors.New("not a checkpoint of this log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: root}, err
}

func hashes(texts []string) ([]tlog.Hash, error) {
	parsed := make([]tlog.Hash, len(texts))
	for i, text := range texts {
		hash, err := tlog.ParseHash(text)
		if err != nil {
			return nil, err
		}
		parsed[i] = hash
	}
	return parsed, nil
}

// checkTiles reads every leaf's hash through the tiles of an unpacked bundle, authenticated against the checkpoint, and compares it with its entry.
func checkTiles(one testCase, tree tlog.Tree) error {
	reader := tlog.TileHashReader(tree, tiles(one.Dir))
	indexes := make([]int64, tree.N)
	for i := range indexes {
		indexes[i] = tlog.StoredHashIndex(0, int64(i))
	}
	leaves, err := reader.ReadHashes(indexes)
	if err != nil {
		return err
	}
	if int64(len(one.Entries)) != tree.N {
		return fmt.Errorf("%d entries for %d leaves", len(one.Entries), tree.N)
	}
	for i, entry := range one.Entries {
		data, err := base64.StdEncoding.DecodeString(entry)
		if err != nil {
			return err
		}
		if tlog.RecordHash(data) != leaves[i] {
			return fmt.Errorf("entry %d has another hash than its tile says", i)
		}
	}
	return nil
}

// tiles are in the layout of C2SP tlog-tiles: as tlog's own, without the height.
type tiles string

func (tiles) Height() int { return 8 }

func (dir tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(wanted))
	for i, tile := range wanted {
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		content, err := os.ReadFile(filepath.Join(string(dir), path))
		if err != nil {
			return nil, err
		}
		data[i] = content
	}
	return data, nil
}

func (tiles) SaveTiles([]tlog.Tile, [][]byte) {}
