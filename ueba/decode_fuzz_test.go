package ueba

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// FuzzDecodeEvent holds that no line crashes the decoder; that what it accepts a strict
// JSON reader of other people accepts too; and that an accepted line written again says
// the same.
func FuzzDecodeEvent(f *testing.F) {
	f.Add([]byte(sampleLine))
	f.Add([]byte(with(`"labels":{"a":"\u0000"},"x":[1,{"y":"\ud83d\ude00"}],"record.id":[1,"1"]`)))
	f.Add([]byte(`{"event.kind":"reason","reason":{"id":"T1","kind":"call","valid_from":1793583064120},"record.id":7}`))
	for _, c := range hostile {
		if len(c.line) < 1000 {
			f.Add([]byte(c.line))
		}
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		body, err := DecodeEvent(line, DecodeOptions{Source: "fuzz", Zone: time.UTC})
		if err != nil {
			return
		}
		if !jsontext.Value(line).IsValid() {
			t.Fatal("accepted what a strict reader refuses")
		}
		text := EncodeBody(nil, body)
		back, err := DecodeBody(body.Kind(), text)
		if err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		if !reflect.DeepEqual(back, body) {
			t.Fatalf("read back\n%+v\nfrom\n%+v\nby %s", back, body, text)
		}
		if again := EncodeBody(nil, back); !bytes.Equal(again, text) {
			t.Fatalf("written again\n%s\nfirst\n%s", again, text)
		}
	})
}

// FuzzDecodeStored holds that a damaged row is an error and not a crash.
func FuzzDecodeStored(f *testing.F) {
	f.Add(EncodeBody(nil, sampleEvent()))
	f.Fuzz(func(t *testing.T, data []byte) {
		body, err := DecodeBody(KindEvent, data)
		if err != nil {
			return
		}
		back, err := DecodeBody(KindEvent, EncodeBody(nil, body))
		if err != nil || !reflect.DeepEqual(back, body) {
			t.Fatalf("read back %+v (%v) from %+v", back, err, body)
		}
	})
}
