package ueba

import (
	"bytes"
	"sync"
	"time"
	"unicode/utf8"
)

// Limits of one line.
const (
	// MaxEventBytes is the size of a line where DecodeOptions say nothing else.
	MaxEventBytes = 1 << 20
	// MaxRecordIDs is how many records one event may name.
	MaxRecordIDs = 10_000
	// MaxLabels and MaxLabelBytes bound what is kept of unknown fields; what is
	// beyond them is cut, and the label LabelTruncated says so.
	MaxLabels     = 64
	MaxLabelBytes = 256
	// LabelTruncated says what of the labels was cut: "labels", "values" or both.
	LabelTruncated = "onlooker.truncated"

	maxTextBytes = 1024 // of a field that Onlooker knows
)

// DecodeOptions say how DecodeEvent reads a line.
type DecodeOptions struct {
	Source   string         // the source that was authenticated
	Zone     *time.Location // of times without a zone; nil refuses them
	MaxBytes int            // 0 is MaxEventBytes
	Now      time.Time      // times more than a day later are refused; zero: not checked
}

// DecodeEvent reads one line of JSON in ECS names, nested or dotted, into an *Event or,
// where event.kind is "reason", a *Reason.
//
// It is strict about what matters: a line that two JSON readers could understand
// differently is refused (duplicate names, names that differ from a known one by case
// only, invalid UTF-8, trailing bytes), and so are missing or empty required fields,
// absurd times, negative durations and control characters in names of people and
// records. Whole numbers are kept exactly however large. null is absence. Fields it
// does not know become labels, within limits. Names of people and records are kept as
// they were written: who they are is the directory's to say. Errors are *DecodeError.
func DecodeEvent(line []byte, opt DecodeOptions) (Body, error) {
	d := newDecoder(line)
	defer d.release()
	d.opt = opt
	limit := opt.MaxBytes
	if limit == 0 {
		limit = MaxEventBytes
	}
	if len(line) > limit {
		return nil, d.failOf("", "line longer than the limit")
	}
	if err := d.document(); err != nil {
		return nil, err
	}
	if d.is(eventKind, "reason") {
		return d.reason()
	}
	return d.checkedEvent()
}

// decodeStored reads an event that this program wrote, whose source is in it and which
// was checked when it came.
func decodeStored(data []byte) (Body, error) {
	d := newDecoder(data)
	defer d.release()
	d.stored = true
	if err := d.document(); err != nil {
		return nil, err
	}
	e := d.event()
	e.Source = string(d.bytes(d.texts[ourSource]))
	return e, nil
}

type label struct{ name, value span }

// decoder collects what a line says. Texts are gathered in the reader's arena, so that
// an event costs one allocation for all of them.
type decoder struct {
	reader
	opt    DecodeOptions
	stored bool

	seen     [fieldCount]bool
	texts    [fieldCount]span
	time     time.Time
	times    [3]time.Time // of a reason: from, to, created
	duration int64
	measured bool // a duration was given
	count    int64
	ids      []span
	fields   []span
	labels   []label

	cutNames, cutValues bool // labels were left out, or shortened
}

// decoders keeps the buffers of decoders that are done; nothing of a line outlives
// release.
var decoders = sync.Pool{New: func() any { return new(decoder) }}

func newDecoder(line []byte) *decoder {
	d := decoders.Get().(*decoder)
	d.line = line
	return d
}

func (d *decoder) release() {
	const largest = 64 << 10
	if cap(d.arena) > largest || cap(d.names) > largest || cap(d.ids) > largest/16 {
		return // one long line must not hold its memory for good
	}
	r := d.reader
	*d = decoder{
		reader: reader{names: r.names[:0], keys: r.keys[:0], path: r.path[:0], arena: r.arena[:0]},
		ids:    d.ids[:0], fields: d.fields[:0], labels: d.labels[:0],
	}
	decoders.Put(d)
}

// document reads the whole line.
func (d *decoder) document() error {
	if d.peek() != '{' {
		return d.failOf("", "want an object, found "+d.found())
	}
	if err := d.object(d.member); err != nil {
		return err
	}
	if d.peek(); d.pos < len(d.line) {
		return d.failOf("", "something follows the object")
	}
	return nil
}

// member reads the value of the member whose dotted name is in d.path.
func (d *decoder) member() error {
	f := lookup(string(d.path))
	if f == unknown {
		if !d.inLabels() && lookupFolded(d.path) != unknown {
			return d.fail("differs from a known name by upper and lower case only")
		}
		return d.label()
	}
	if d.peek() == 'n' {
		if err := d.literal("null"); err != nil {
			return err
		}
		return d.claim(f)
	}
	switch f {
	case strictObject, labelsObject, lenientObject:
		return d.container(f)
	case ours, ourSource:
		if !d.stored {
			return d.fail("is Onlooker's own and not accepted from senders")
		}
	}
	if err := d.claim(f); err != nil {
		return err
	}
	return d.value(f)
}

// claim refuses a known field that was given before, nested or dotted.
func (d *decoder) claim(f field) error {
	if d.seen[f] && f < labelsObject {
		return d.fail("given twice")
	}
	d.seen[f] = true
	return nil
}

func (d *decoder) container(f field) error {
	if d.peek() == '{' {
		return d.object(d.member)
	}
	if f == lenientObject {
		return d.label()
	}
	return d.fail("want an object, found " + d.found())
}

func (d *decoder) value(f field) error {
	switch f {
	case timestamp:
		return d.eventTime()
	case reasonFrom, reasonTo, reasonCreated:
		return d.instant(&d.times[f-reasonFrom])
	case eventDuration:
		d.measured = true
		return d.amount(&d.duration, "nanoseconds")
	case recordCount:
		return d.amount(&d.count, "records")
	case recordID:
		return d.list(&d.ids, true)
	case recordFields:
		return d.list(&d.fields, false)
	}
	s, err := d.name(f >= eventID && f != eventAction && f != eventOutcome && f != eventKind)
	d.texts[f] = s
	return err
}

// name reads a text that Onlooker goes by. Where numbers are allowed they have to be
// whole ones, which have one way to be written.
func (d *decoder) name(numbers bool) (span, error) {
	at := d.pos
	c := d.peek()
	var text []byte
	var err error
	switch {
	case c == '"':
		text, err = d.text()
	case numbers && (c == '-' || '0' <= c && c <= '9'):
		text, err = d.number()
		if err == nil && !whole(text) {
			err = d.failAt(at, "want a string or a whole number")
		}
	default:
		err = d.fail("want a string, found " + d.found())
	}
	if err != nil {
		return span{}, err
	}
	if len(text) > maxTextBytes && !d.stored {
		return span{}, d.failAt(at, "longer than 1024 bytes")
	}
	if !d.stored && hasControl(text) {
		return span{}, d.failAt(at, "control character")
	}
	return d.keep(text), nil
}

// whole reports whether a number is written as a whole one; -0 is not.
func whole(number []byte) bool {
	if string(number) == "-0" {
		return false
	}
	return !bytes.ContainsAny(number, ".eE")
}

// hasControl reports whether a text has a control character, which could forge a
// border where names are joined or a line where they are shown.
func hasControl(text []byte) bool {
	for i, c := range text {
		if c < ' ' || c == 0x7f || c == 0xc2 && text[i+1] < 0xa0 {
			return true
		}
	}
	return false
}

// keep puts a text into the arena.
func (d *decoder) keep(text []byte) span {
	from := len(d.arena)
	d.arena = append(d.arena, text...)
	return span{from, len(d.arena)}
}

func (d *decoder) eventTime() error {
	at := d.pos
	if err := d.instant(&d.time); err != nil || d.stored {
		return err
	}
	if problem := absurd(d.time, d.opt.Now); problem != "" {
		return d.failAt(at, problem)
	}
	return nil
}

// instant reads a time, written as text or as milliseconds since 1970.
func (d *decoder) instant(to *time.Time) error {
	at := d.pos
	var problem string
	switch c := d.peek(); {
	case c == '"':
		text, err := d.text()
		if err != nil {
			return err
		}
		*to, problem = d.timeOf(text)
	case c == '-', '0' <= c && c <= '9':
		text, err := d.number()
		if err != nil {
			return err
		}
		var ok bool
		if *to, ok = parseMillis(text); !ok {
			problem = "want milliseconds since 1970, a number of 13 digits"
		}
	default:
		problem = "want a time, found " + d.found()
	}
	if problem != "" {
		return d.failAt(at, problem)
	}
	return nil
}

func (d *decoder) timeOf(text []byte) (time.Time, string) {
	if t, ok := parseMillis(text); ok {
		return t, ""
	}
	return parseTime(text, d.opt.Zone)
}

// amount reads a whole number that is not negative, as a number or as text.
func (d *decoder) amount(to *int64, unit string) error {
	at := d.pos
	var text []byte
	var err error
	switch c := d.peek(); {
	case c == '"':
		text, err = d.text()
	case c == '-', '0' <= c && c <= '9':
		text, err = d.number()
	default:
		err = d.fail("want a number, found " + d.found())
	}
	if err != nil {
		return err
	}
	n, ok := wholeNumber(text)
	switch {
	case !ok:
		return d.failAt(at, "want a whole number of "+unit+" below 2^63")
	case n < 0:
		return d.failAt(at, "is negative")
	}
	*to = n
	return nil
}

// list reads a text or an array of texts, without empty and repeated ones.
func (d *decoder) list(to *[]span, numbers bool) error {
	c := d.peek()
	if c != '[' {
		if c == '{' || c == 't' || c == 'f' {
			return d.fail("want a string or an array of strings, found " + d.found())
		}
		return d.element(to, numbers, nil)
	}
	known := map[string]struct{}(nil)
	return d.array(func() error {
		if len(*to) == manyKeys && known == nil && !d.stored {
			known = make(map[string]struct{}, 4*manyKeys)
			for _, s := range *to {
				known[string(d.bytes(s))] = struct{}{}
			}
		}
		return d.element(to, numbers, known)
	})
}

func (d *decoder) element(to *[]span, numbers bool, known map[string]struct{}) error {
	if d.peek() == 'n' {
		return d.literal("null")
	}
	s, err := d.name(numbers)
	if err != nil {
		return err
	}
	if !d.stored && (s.from == s.to || d.listed(*to, known, s)) {
		return nil
	}
	if len(*to) == MaxRecordIDs && !d.stored {
		return d.fail("more than 10000 of them")
	}
	*to = append(*to, s)
	return nil
}

func (d *decoder) listed(list []span, known map[string]struct{}, s span) bool {
	if known != nil {
		_, ok := known[string(d.bytes(s))]
		known[string(d.bytes(s))] = struct{}{}
		return ok
	}
	for _, other := range list {
		if string(d.bytes(other)) == string(d.bytes(s)) {
			return true
		}
	}
	return false
}

func (d *decoder) bytes(s span) []byte { return d.arena[s.from:s.to] }

const labelsPrefix = "labels."

func (d *decoder) inLabels() bool {
	return bytes.HasPrefix(d.path, []byte(labelsPrefix))
}

// label keeps an unknown field under its dotted name. Objects are flattened; an array
// is kept as it was written.
func (d *decoder) label() error {
	switch d.peek() {
	case '{':
		return d.object(d.member)
	case 'n':
		return d.literal("null")
	case '"':
		text, err := d.text()
		if err != nil {
			return err
		}
		return d.addLabel(bytes.TrimPrefix(d.path, []byte(labelsPrefix)), text)
	}
	start := d.pos
	if err := d.skip(); err != nil {
		return err
	}
	return d.addLabel(bytes.TrimPrefix(d.path, []byte(labelsPrefix)), d.line[start:d.pos])
}

func (d *decoder) addLabel(name, value []byte) error {
	if !d.stored {
		if bytes.HasPrefix(name, []byte("onlooker.")) {
			return d.fail("is Onlooker's own and not accepted from senders")
		}
		if len(d.labels) == MaxLabels || len(name) > MaxLabelBytes {
			d.cutNames = true
			return nil
		}
		if len(value) > MaxLabelBytes {
			value = cutRune(value, MaxLabelBytes)
			d.cutValues = true
		}
	}
	for _, l := range d.labels {
		if string(d.bytes(l.name)) == string(name) {
			return d.fail("given twice")
		}
	}
	d.labels = append(d.labels, label{d.keep(name), d.keep(value)})
	return nil
}

// cutRune cuts a text to at most n bytes without splitting a character.
func cutRune(text []byte, n int) []byte {
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}
