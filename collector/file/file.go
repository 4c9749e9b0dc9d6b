package file

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/onlooker-ueba/onlooker/collector"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// batchBytes bounds what is read of one file before the next one's turn.
const batchBytes = 8 << 20

// maxBackOff is the longest wait before a refused append is tried again.
const maxBackOff = 30 * time.Second

// Source follows files.
type Source struct {
	config Config
	format collector.Format
	intake *collector.Intake
	docs   collector.Documents
	now    func() time.Time
	log    logrus.FieldLogger

	cursors *cursors
	files   map[inode]*tail
	said    map[string]string // the last complaint about a path
	// inherited are the cursors whose files live on in a copy.
	inherited map[string]bool
	dated     ueba.Day // when the cursors were dated last
}

// New returns the source of a checked configuration.
func New(c Config, f collector.Format, intake *collector.Intake, docs collector.Documents, now func() time.Time, log logrus.FieldLogger) *Source {
	return &Source{
		config: c, format: f, intake: intake, docs: docs, now: now,
		log:   log.WithField("source", c.Source),
		files: make(map[inode]*tail), said: make(map[string]string), inherited: make(map[string]bool), dated: ueba.NoDay,
	}
}

// Run follows the files until the context ends. It fails only when the cursors cannot be
// read; what is wrong with a file is logged and counted, and tried again.
func (s *Source) Run(ctx context.Context) error {
	var err error
	if s.cursors, err = loadCursors(ctx, s.docs, s.config.Source); err != nil {
		return ended(ctx, err)
	}
	defer s.close()
	for first := true; ctx.Err() == nil; first = false {
		s.look()
		more := s.round(ctx)
		if first {
			s.mourn(ctx)
		}
		s.date(ctx)
		if !more {
			wait(ctx, s.config.Poll)
		}
	}
	return nil
}

// ended is nil when the error is only that the context ended.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // an end that was asked for is no error
	}
	return err
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

func (s *Source) close() {
	for _, t := range s.files {
		t.close()
	}
}

// look finds what the patterns show now.
func (s *Source) look() {
	for _, t := range s.files {
		t.present = false
	}
	for _, pattern := range s.config.Paths {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			s.complain(pattern, err)
		}
		for _, path := range paths {
			s.meet(path)
		}
	}
}

func (s *Source) meet(path string) {
	info, err := os.Stat(path)
	if err != nil {
		s.complain(path, err)
		return
	}
	if !info.Mode().IsRegular() {
		return
	}
	id := inodeOf(path, info)
	t := s.files[id]
	if t == nil {
		t = s.newTail(id, path, info)
		s.files[id] = t
	}
	if !t.present {
		t.see(path, info)
	}
}

// newTail is a file not seen since the start. One that was read to its end and has not
// changed since is not even opened, unless it may yet be written.
func (s *Source) newTail(id inode, path string, info os.FileInfo) *tail {
	t := &tail{id: id, first: path, size: info.Size(), modified: info.ModTime(), grew: s.now()}
	if c, ok := s.cursors.unchanged(id, info.Size(), info.ModTime()); ok {
		t.first = c.Path
		t.cursor = c
		t.resting = c.Done || s.stale(info.ModTime())
	}
	return t
}

func (s *Source) stale(modified time.Time) bool { return s.now().Sub(modified) >= s.config.Rest }

// date writes the cursors of the files that are there once a day.
func (s *Source) date(ctx context.Context) {
	today := s.today()
	if today == s.dated {
		return
	}
	var there []cursor
	for _, t := range s.inOrder() {
		if t.present && t.cursor.Head != "" {
			there = append(there, t.cursor)
		}
	}
	if err := s.cursors.save(ctx, today, there...); err != nil {
		s.complain("cursors", err)
		return
	}
	s.dated = today
}

func (s *Source) today() ueba.Day { return ueba.DateOf(s.now().UTC()) }

// round gives each file a turn and reports whether there may be more to read at once.
func (s *Source) round(ctx context.Context) bool {
	more := false
	for _, t := range s.inOrder() {
		if ctx.Err() != nil {
			return false
		}
		if s.turn(ctx, t) {
			more = true
		}
	}
	return more
}

// inOrder gives what was rotated first, then by age, so that lines come in the order in
// which they were written.
func (s *Source) inOrder() []*tail {
	all := make([]*tail, 0, len(s.files))
	for _, t := range s.files {
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b *tail) int {
		return cmp.Or(a.modified.Compare(b.modified), cmp.Compare(a.path, b.path))
	})
	return all
}

// turn reads up to a batch of one file, and reports whether it got anything.
func (s *Source) turn(ctx context.Context, t *tail) bool {
	if t.file == nil && !s.begin(t) {
		return false
	}
	replaced, err := t.rewritten()
	if err != nil {
		s.complain(t.path, err)
		return false
	}
	if replaced {
		s.startOver(ctx, t)
		return true
	}
	got, done := s.read(t)
	if !s.keep(ctx, t, done) {
		return false
	}
	if !got {
		s.letGo(t, done)
	}
	return got
}

// begin opens a file where reading of it ended, and reports whether it is open.
func (s *Source) begin(t *tail) bool {
	if t.resting || !t.present {
		if !t.present {
			delete(s.files, t.id)
		}
		return false
	}
	if !s.makeRoom() {
		s.complain("max_open", errors.New("too many files are open; more wait"))
		return false
	}
	head, err := t.open(t.rotated() && s.now().Sub(t.grew) >= s.config.Release)
	if err != nil {
		if !errors.Is(err, errNotReady) && !errors.Is(err, errReplaced) {
			s.complain(t.path, err)
		}
		return false
	}
	c, gap := s.place(t, head)
	stream := s.intake.NewStream(s.format, s.delivery())
	if err := t.start(c, s.format, stream, s.config.MaxRecord); err != nil {
		t.close()
		s.complain(t.path, err)
		return false
	}
	t.first = c.Path
	if gap {
		stream.Gap()
		s.log.Warnf("%s was replaced while nobody looked; lines may be lost", t)
	}
	delete(s.said, t.path)
	return true
}

// makeRoom sees to it that one more file may be opened: of those that were read to
// their end, the one that has been quiet for longest is closed until it changes.
func (s *Source) makeRoom() bool {
	open := 0
	var quiet *tail
	for _, t := range s.inOrder() {
		if t.file != nil {
			open++
		}
		if t.present && t.caughtUp() && (quiet == nil || t.grew.Before(quiet.grew)) {
			quiet = t
		}
	}
	if open < s.config.MaxOpen {
		return true
	}
	if quiet != nil {
		quiet.rest()
	}
	return quiet != nil
}

// place finds where to go on in a file just opened, and whether what its inode held
// before may have been lost.
func (s *Source) place(t *tail, head string) (c cursor, gap bool) {
	c, ok := s.cursors.of(t.id, head)
	if ok && t.fits(c) {
		return c, false
	}
	fresh := cursor{inode: t.id, Head: head, Path: t.first}
	if ok && t.cursor.Head == "" {
		return fresh, true // else the truncation was seen, and counted
	}
	for _, original := range s.cursors.originals(head) {
		if t.fits(original) {
			fresh.Offset = original.Offset
			s.inherited[original.id(s.config.Source)] = true
			return fresh, false
		}
	}
	return fresh, false
}

func (s *Source) delivery() collector.Delivery {
	zone, err := s.config.Location()
	if err != nil {
		s.complain("zone", err) // Check has read it before
	}
	return collector.Delivery{Options: collector.Options{Zone: zone, Service: s.config.Service, Source: s.config.Source}}
}

// startOver is for a file that was truncated or written anew under its inode.
func (s *Source) startOver(ctx context.Context, t *tail) {
	t.stream.Flush()
	t.cutOff()
	t.stream.Gap()
	s.log.Warnf("%s was truncated; lines that were not read yet are lost unless a copy of it is followed", t)
	if s.append(ctx, t.stream.Cut()) {
		s.finish(ctx, t.cursor)
		t.close()
	}
}

// read takes records until a batch is full or the file is at its end for now.
func (s *Source) read(t *tail) (got, done bool) {
	from := t.position
	finished := t.gzip || s.finished(t)
	for t.stream.Len() < s.config.Batch && t.stream.Bytes() < batchBytes {
		rec, err := t.records.Next(finished)
		if err == nil {
			t.take(rec)
			continue
		}
		if !errors.Is(err, io.EOF) {
			s.failed(t, err)
		}
		done = finished && errors.Is(err, io.EOF)
		break
	}
	now := s.now()
	if t.position > from {
		t.grew = now
	}
	if done || now.Sub(t.grew) >= s.config.Idle {
		t.stream.Flush()
		t.settle()
	}
	return t.position > from, done
}

// finished reports whether nothing will be added to the file.
func (s *Source) finished(t *tail) bool {
	return t.rotated() && s.now().Sub(t.grew) >= s.config.Release
}

// failed notes that a file cannot be read on. A gzipped file that ends too early may
// still be written.
func (s *Source) failed(t *tail, err error) {
	s.complain(t.path, err)
	if t.gzip {
		t.stuck = true
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.stream.Gap()
		}
	}
}

// keep makes durable what was read and then moves the cursor. It reports false when the
// context ended first.
func (s *Source) keep(ctx context.Context, t *tail, done bool) bool {
	if !s.append(ctx, t.stream.Cut()) {
		return false
	}
	safe := t.safe()
	if safe == t.cursor.Offset && done == t.cursor.Done && t.cursor.Size == t.size {
		return true
	}
	moved := t.at(safe, done)
	if err := s.cursors.save(context.WithoutCancel(ctx), s.today(), moved); err != nil {
		s.complain("cursors", err) // the lines will be read again, and dropped as duplicates
		return true
	}
	t.cursor = moved
	return true
}

// append makes the batch durable, however long that takes. It reports false when the
// context ended first.
func (s *Source) append(ctx context.Context, b *collector.Batch) bool {
	for backOff := time.Second; ; backOff = min(2*backOff, maxBackOff) {
		_, err := s.intake.Append(context.WithoutCancel(ctx), b)
		if err == nil {
			delete(s.said, "append")
			return true
		}
		s.complain("append", err)
		if wait(ctx, backOff); ctx.Err() != nil {
			return false
		}
	}
}

// letGo closes a file that has no more to give.
func (s *Source) letGo(t *tail, done bool) {
	switch {
	case done && !t.present:
		t.close()
		delete(s.files, t.id)
	case done, t.stuck, t.caughtUp() && s.stale(t.modified):
		t.rest()
	}
}

// mourn counts a gap for each file that was being read when Onlooker ended and is not
// found again: it was removed, truncated or replaced meanwhile.
func (s *Source) mourn(ctx context.Context) {
	claimed := make(map[string]bool)
	for _, t := range s.files {
		if t.cursor.Head != "" {
			claimed[t.cursor.id(s.config.Source)] = true
		}
	}
	for _, id := range slices.Sorted(maps.Keys(s.cursors.known)) {
		c := s.cursors.known[id]
		if c.Done || claimed[id] || s.undecided(c) {
			continue
		}
		if !s.inherited[id] {
			s.log.Warnf("%s, read up to byte %d, is gone or was replaced while nobody looked; lines may be lost", c.Path, c.Offset)
			if !s.gap(ctx) {
				return
			}
		}
		s.finish(ctx, c)
	}
}

// finish notes that nothing more is expected of the file as it was.
func (s *Source) finish(ctx context.Context, c cursor) {
	c.Done = true
	if err := s.cursors.save(context.WithoutCancel(ctx), s.today(), c); err != nil {
		s.complain("cursors", err)
	}
}

// undecided reports whether the cursor's file is there but could not be opened.
func (s *Source) undecided(c cursor) bool {
	t, ok := s.files[c.inode]
	return ok && t.file == nil && !t.resting && t.size >= c.Offset
}

func (s *Source) gap(ctx context.Context) bool {
	stream := s.intake.NewStream(s.format, s.delivery())
	stream.Gap()
	return s.append(ctx, stream.Cut())
}

// complain logs what is wrong with a path, once until it changes.
func (s *Source) complain(about string, err error) {
	if errors.Is(err, fs.ErrNotExist) || s.said[about] == err.Error() {
		return
	}
	s.said[about] = err.Error()
	s.log.WithError(err).Warnf("cannot go on with %s", about)
}
