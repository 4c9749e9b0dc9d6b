package collector

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"
)

// Place is where a raw record stood: a line of a request or an import, or an offset of a
// file that a fingerprint names.
type Place struct {
	Line        int    // from 1; 0 for a record of a file
	ID          string // that the protocol gave beside the record; stands in where the record has none
	File        string
	Offset      int64
	Fingerprint string // of the file; part of the ids of records without one
}

// String is how a dead letter names the place.
func (p Place) String() string {
	if p.Fingerprint == "" {
		place := "line " + strconv.Itoa(p.Line)
		if p.ID != "" {
			place += " id " + p.ID
		}
		return place
	}
	return p.File + " offset " + strconv.FormatInt(p.Offset, 10) + " file " + p.Fingerprint
}

// ParsePlace is the inverse of String.
func ParsePlace(s string) (Place, bool) {
	if line, ok := strings.CutPrefix(s, "line "); ok {
		line, id, _ := strings.Cut(line, " id ")
		n, err := strconv.Atoi(line)
		return Place{Line: n, ID: id}, err == nil
	}
	i := strings.LastIndex(s, " file ")
	j := strings.LastIndex(s[:max(i, 0)], " offset ")
	if j < 0 {
		return Place{}, false
	}
	offset, err := strconv.ParseInt(s[j+len(" offset "):i], 10, 64)
	return Place{File: s[:j], Offset: offset, Fingerprint: s[i+len(" file "):]}, err == nil
}

// keyer gives natural keys to records without an id of their own: the id that came beside
// the record, fingerprint and offset in a file, else a hash of the payload with its ordinal among equal ones of the stream.
type keyer struct {
	ordinals ordinals
}

func (k *keyer) key(raw []byte, at Place) string {
	if at.ID != "" {
		return at.ID
	}
	if at.Fingerprint != "" {
		return "file-" + at.Fingerprint + "-" + strconv.FormatInt(at.Offset, 10)
	}
	sum := sha256.Sum256(raw)
	n := k.ordinals.next(binary.BigEndian.Uint64(sum[:]))
	return "line-" + hex.EncodeToString(sum[:16]) + "-" + strconv.Itoa(n)
}

// remembered bounds the payloads that a generation of ordinals holds.
const remembered = 1 << 20

// ordinals counts equal payloads. It remembers at least the last million different ones:
// equal payloads further apart are taken for one that was delivered twice.
type ordinals struct {
	young, old map[uint64]int
}

// next returns how often the hash was asked for before.
func (o *ordinals) next(hash uint64) int {
	n, ok := o.young[hash]
	if !ok {
		n = o.old[hash]
	}
	if o.young == nil {
		o.young = make(map[uint64]int)
	}
	o.young[hash] = n + 1
	if len(o.young) >= remembered {
		o.young, o.old = nil, o.young
	}
	return n
}
