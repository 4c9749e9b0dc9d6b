package file

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/onlooker-ueba/onlooker/collector"
)

// headBytes is how much of a first line names a file.
const headBytes = 256

var (
	errNotReady = errors.New("the first line has not ended yet")
	errReplaced = errors.New("replaced while it was opened")
	errCutOff   = errors.New("the file was truncated in the middle of this record")
)

// tail is a file that is followed.
type tail struct {
	id       inode
	path     string // under which it was seen last
	first    string // under which it was seen first
	present  bool   // some path leads to it still
	size     int64
	modified time.Time

	file     *os.File // nil: not open
	gzip     bool
	cursor   cursor
	records  *collector.Records
	stream   *collector.Stream
	starts   []int64   // where the records begin that the parser has not spoken of
	position int64     // bytes read
	grew     time.Time // when bytes came last
	checked  time.Time // the file's time when its first line was compared last
	resting  bool      // closed until it changes
	stuck    bool      // it cannot be read on as it is
}

// rest closes the file until it changes.
func (t *tail) rest() {
	t.close()
	t.resting = true
}

// caughtUp reports whether all of the file that is there was made durable.
func (t *tail) caughtUp() bool { return t.file != nil && !t.gzip && t.cursor.Offset == t.size }

// rotated reports whether whoever writes it has gone on to another file.
func (t *tail) rotated() bool { return !t.present || t.path != t.first }

// see notes what a look at the directory showed.
func (t *tail) see(path string, info os.FileInfo) {
	if t.resting && (info.Size() != t.size || !info.ModTime().Equal(t.modified)) {
		t.resting = false
	}
	t.path, t.present = path, true
	t.size, t.modified = info.Size(), info.ModTime()
}

// open opens the file and reads by what it is known. finished says that its first line
// will not grow.
func (t *tail) open(finished bool) (head string, err error) {
	f, err := os.Open(t.path)
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if inodeOf(t.path, info) != t.id {
		return "", errReplaced
	}
	t.gzip = isGzip(f)
	r, err := t.reader(f)
	if err != nil {
		return "", err
	}
	head, err = headOf(r, finished || t.gzip)
	if err != nil {
		return "", err
	}
	t.file, t.size, t.modified = f, info.Size(), info.ModTime()
	return head, nil
}

func isGzip(f *os.File) bool {
	var magic [2]byte
	_, err := f.ReadAt(magic[:], 0)
	return err == nil && magic == [2]byte{0x1f, 0x8b}
}

// reader reads the file's text from its begin.
func (t *tail) reader(f *os.File) (io.Reader, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	if !t.gzip {
		return f, nil
	}
	r, err := gzip.NewReader(f)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, errNotReady
	}
	return r, err
}

// headOf names a file by its first line, which stays as the file grows.
func headOf(r io.Reader, finished bool) (string, error) {
	begin, err := io.ReadAll(io.LimitReader(r, headBytes))
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", err
	}
	if i := bytes.IndexByte(begin, '\n'); i >= 0 {
		return hashOf(begin[:i+1]), nil
	}
	if ended := finished && err == nil; len(begin) == 0 || len(begin) < headBytes && !ended {
		return "", errNotReady
	}
	return hashOf(begin), nil
}

// start begins to read at the offset.
func (t *tail) start(c cursor, f collector.Format, stream *collector.Stream, maxRecord int) error {
	r, err := t.reader(t.file)
	if err != nil {
		return err
	}
	if err := t.skip(r, c.Offset); err != nil {
		return err
	}
	t.cursor, t.stream, t.starts, t.position = c, stream, nil, c.Offset
	t.records = collector.NewRecords(&following{r, t}, f.Split(), maxRecord, c.Offset)
	return nil
}

func (t *tail) skip(r io.Reader, n int64) error {
	if t.gzip {
		_, err := io.CopyN(io.Discard, r, n)
		return err
	}
	_, err := t.file.Seek(n, io.SeekStart)
	return err
}

// following counts what was read of the file.
type following struct {
	io.Reader
	t *tail
}

func (f *following) Read(p []byte) (int, error) {
	n, err := f.Reader.Read(p)
	f.t.position += int64(n)
	return n, err
}

// fits reports whether the file, which is open, is one that was read up to the cursor.
func (t *tail) fits(c cursor) bool {
	if t.gzip {
		return c.Tail == "" || t.gunzipped(c)
	}
	return t.size >= c.Offset && t.tailAt(c.Offset) == c.Tail
}

func (t *tail) tailAt(offset int64) string {
	buf := make([]byte, min(tailBytes, offset))
	if _, err := t.file.ReadAt(buf, offset-int64(len(buf))); err != nil {
		return ""
	}
	return hashOf(buf)
}

// gunzipped compares the bytes before a cursor of what was gzipped later.
func (t *tail) gunzipped(c cursor) bool {
	r, err := t.reader(t.file)
	if err != nil {
		return false
	}
	buf := make([]byte, min(tailBytes, c.Offset))
	if _, err := io.CopyN(io.Discard, r, c.Offset-int64(len(buf))); err != nil {
		return false
	}
	_, err = io.ReadFull(r, buf)
	return err == nil && hashOf(buf) == c.Tail
}

// rewritten reports whether what was read is no longer in the open file.
func (t *tail) rewritten() (bool, error) {
	info, err := t.file.Stat()
	if err != nil {
		return false, err
	}
	t.size, t.modified = info.Size(), info.ModTime()
	if t.gzip || t.size == t.position && t.modified.Equal(t.checked) {
		return false, nil
	}
	t.checked = t.modified
	if t.size < t.position {
		return true, nil
	}
	head, err := headOf(io.NewSectionReader(t.file, 0, t.size), true)
	if err != nil {
		return false, err
	}
	// Files with a constant first line differ before the cursor only.
	return head != t.cursor.Head || t.cursor.Tail != "" && t.tailAt(t.cursor.Offset) != t.cursor.Tail, nil
}

// take hands a record to the parser. Whether it parsed is said by a dead letter.
func (t *tail) take(rec collector.Record) {
	_ = t.stream.Take(rec, t.place(rec.Offset))
	if rec.Err == nil {
		t.starts = append(t.starts, rec.Offset)
	}
	t.settle()
}

// settle forgets the records that the parser has spoken of.
func (t *tail) settle() {
	if n := len(t.starts) - t.stream.Waiting(); n > 0 {
		t.starts = slices.Delete(t.starts, 0, n)
	}
}

// safe is the offset before which everything is in the batches.
func (t *tail) safe() int64 {
	if len(t.starts) > 0 {
		return t.starts[0]
	}
	return t.records.Offset()
}

func (t *tail) place(offset int64) collector.Place {
	return collector.Place{File: t.first, Offset: offset, Fingerprint: t.cursor.Head}
}

// cutOff makes a dead letter of the half record that a truncation left.
func (t *tail) cutOff() {
	if held := t.records.Held(); len(bytes.TrimSpace(held)) > 0 {
		rec := collector.Record{Raw: held[:min(len(held), collector.CutTo)], Size: len(held), Err: errCutOff}
		_ = t.stream.Take(rec, t.place(t.records.Offset())) // the error is in the dead letter
	}
}

// at returns the cursor for an offset that was made durable.
func (t *tail) at(offset int64, done bool) cursor {
	c := t.cursor
	c.Offset, c.Size, c.Modified, c.Done = offset, t.size, t.modified, done
	if !t.gzip {
		c.Tail = t.tailAt(offset)
	}
	return c
}

func (t *tail) close() {
	if t.file != nil {
		t.file.Close()
	}
	t.file, t.records, t.stream, t.starts, t.stuck = nil, nil, nil, nil, false
}

func (t *tail) String() string { return fmt.Sprintf("%s (inode %d)", t.path, t.id.Inode) }

func sortFurthestFirst(cs []cursor) {
	slices.SortFunc(cs, func(a, b cursor) int {
		return cmp.Or(cmp.Compare(b.Offset, a.Offset), cmp.Compare(a.Device, b.Device), cmp.Compare(a.Inode, b.Inode))
	})
}
