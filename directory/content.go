package directory

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"time"
)

// content is what a fact says, written so that different facts differ: every part says
// how long it is.
type content []byte

func newContent() content { return make(content, 0, 256) }

func (c content) add(fields ...string) content {
	for _, f := range fields {
		c = append(binary.AppendUvarint(c, uint64(len(f))), f...)
	}
	return c
}

func (c content) list(fields []string) content {
	return content(binary.AppendUvarint(c, uint64(len(fields)))).add(fields...)
}

func (c content) time(t time.Time) content {
	return binary.AppendVarint(binary.AppendVarint(c, t.Unix()), int64(t.Nanosecond()))
}

var digits = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// digest returns 16 characters: enough for a thousand million rows of one id.
func (c content) digest() string {
	sum := sha256.Sum256(c)
	return digits.EncodeToString(sum[:10])
}
