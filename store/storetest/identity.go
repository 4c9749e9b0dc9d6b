package storetest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// identity stands in for ueba.Identity.
func identity(b ueba.Body) (id string, content [16]byte) {
	data, err := json.Marshal(b)
	if err != nil {
		panic(err)
	}
	sum := sha256.Sum256(append([]byte(b.Kind()+"\x00"), data...))
	copy(content[:], sum[:])
	if e, ok := b.(*ueba.Event); ok && e.EventID != "" {
		sum = sha256.Sum256([]byte(e.Source + "\x00" + e.Service + "\x00" + e.EventID))
	}
	return hex.EncodeToString(sum[:16]), content
}
