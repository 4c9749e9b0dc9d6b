package file

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/onlooker-ueba/onlooker/collector"
	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// CursorKind is the kind of the documents that hold cursors. Those of files that are
// there are written anew each day, so that documents of old days are of files long gone.
const CursorKind = "cursor"

// tailBytes is how much before a cursor is hashed, so that another file which begins
// with the same line is not taken for this one.
const tailBytes = 64

type inode struct {
	Device uint64 `json:"device"`
	Inode  uint64 `json:"inode"`
}

// cursor is how far a file was read.
type cursor struct {
	inode
	Head     string    `json:"head"` // of the first line
	Path     string    `json:"path"` // under which it was first seen
	Offset   int64     `json:"offset"`
	Tail     string    `json:"tail,omitempty"` // of the bytes before Offset; empty in a gzipped file
	Size     int64     `json:"size"`           // when it was written …
	Modified time.Time `json:"modified"`       // … with the file's time
	Done     bool      `json:"done,omitempty"` // nothing more is expected of it
}

func (c cursor) id(source string) string {
	return fmt.Sprintf("file/%s/%x-%x-%s", source, c.Device, c.Inode, c.Head)
}

// cursors are those of one source, in memory and in the store.
type cursors struct {
	source string
	docs   collector.Documents
	known  map[string]cursor
}

func loadCursors(ctx context.Context, docs collector.Documents, source string) (*cursors, error) {
	cs := &cursors{source: source, docs: docs, known: make(map[string]cursor)}
	prefix := "file/" + source + "/"
	for doc, err := range docs.List(ctx, CursorKind, prefix, strings.TrimSuffix(prefix, "/")+"0", false) {
		if err != nil {
			return nil, fmt.Errorf("list cursors of %s: %w", source, err)
		}
		var c cursor
		if err := json.Unmarshal(doc.Body, &c); err != nil {
			return nil, fmt.Errorf("read cursor %s: %w", doc.ID, err)
		}
		cs.known[doc.ID] = c
	}
	return cs, nil
}

// save makes cursors durable. today dates them for retention.
func (cs *cursors) save(ctx context.Context, today ueba.Day, moved ...cursor) error {
	docs := make([]store.Doc, len(moved))
	for i, c := range moved {
		body, err := json.Marshal(c)
		if err != nil {
			return fmt.Errorf("write cursor: %w", err)
		}
		docs[i] = store.Doc{Kind: CursorKind, ID: c.id(cs.source), Day: today, Body: body}
	}
	if err := cs.docs.Put(ctx, docs...); err != nil {
		return fmt.Errorf("write cursors of %s: %w", cs.source, err)
	}
	for _, c := range moved {
		cs.known[c.id(cs.source)] = c
	}
	return nil
}

// of returns the cursor of the file with this inode and first line.
func (cs *cursors) of(id inode, head string) (cursor, bool) {
	c, ok := cs.known[cursor{inode: id, Head: head}.id(cs.source)]
	return c, ok
}

// unchanged returns the cursor of a file that was read to its end and is as it was then.
func (cs *cursors) unchanged(id inode, size int64, modified time.Time) (cursor, bool) {
	for _, c := range cs.known {
		read := c.Done || c.Offset == c.Size
		if c.inode == id && read && c.Size == size && c.Modified.Equal(modified) {
			return c, true
		}
	}
	return cursor{}, false
}

// originals are the cursors of files that began with the same line, the furthest first.
func (cs *cursors) originals(head string) []cursor {
	var found []cursor
	for _, c := range cs.known {
		if c.Head == head && c.Tail != "" {
			found = append(found, c)
		}
	}
	sortFurthestFirst(found)
	return found
}

func hashOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}
