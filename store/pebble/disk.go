package pebble

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// disk is the file system that the engine sees. It watches every write and fsync, and
// stops the engine from doing harm after one failed.
//
// The engine itself answers a failed write of its log with a panic, one of its manifest
// by ending the process, and would try again what must not be tried again. So the disk
// keeps those failures from it: the first one is remembered, from then on
// nothing reaches the files any more, and what the engine does to its log and
// manifest seems to succeed. The store asks failed before it acknowledges anything.
// Reads go on from what is in memory and on the disk.
type disk struct {
	vfs.FS
	failure atomic.Pointer[failure]
	noRoom  atomic.Int64 // when a table last found no room, in Unix nanoseconds; 0 since one was written
}

// failure is the first failed write.
type failure struct{ err error }

// The engine tries again at once to write a table that found no room: noRoomPause slows
// it down. When it has not tried for noRoomHolds the disk no longer counts as full.
const (
	noRoomPause = 50 * time.Millisecond
	noRoomHolds = 5 * time.Second
)

// full reports whether tables find no room.
func (d *disk) full() bool {
	at := d.noRoom.Load()
	return at != 0 && time.Since(time.Unix(0, at)) < noRoomHolds
}

// failed returns why nothing is written any more, or nil.
func (d *disk) failed() error {
	if f := d.failure.Load(); f != nil {
		return f.err
	}
	return nil
}

func (d *disk) fail(err error) { d.failure.CompareAndSwap(nil, &failure{err}) }

// isFull reports whether err says that there is no room.
func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// vital reports whether the engine cannot go on when it cannot write the file: its log
// and what says which tables there are. Tables themselves it can write again.
func vital(name string) bool {
	ext := filepath.Ext(name)
	return ext != ".sst" && ext != ".blob"
}

// note remembers a failed write of a file and returns what the engine is to see of it.
func (d *disk) note(name string, err error) error {
	if err == nil {
		return nil
	}
	if isFull(err) && !vital(name) {
		d.noRoom.Store(time.Now().UnixNano())
		time.Sleep(noRoomPause)
		return err
	}
	d.fail(err)
	return d.hide(name)
}

// hide returns what the engine sees of a write when nothing is written any more.
func (d *disk) hide(name string) error {
	if vital(name) {
		return nil
	}
	time.Sleep(noRoomPause)
	return d.failed()
}

// create opens a file for writing by open.
func (d *disk) create(name string, open func() (vfs.File, error)) (vfs.File, error) {
	if d.failed() == nil {
		f, err := open()
		if err == nil {
			return &watched{File: f, disk: d, name: name}, nil
		}
		if err := d.note(name, err); err != nil {
			return nil, err
		}
	}
	if err := d.hide(name); err != nil {
		return nil, err
	}
	return nowhere{}, nil
}

// Create implements vfs.FS.
func (d *disk) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return d.create(name, func() (vfs.File, error) { return d.FS.Create(name, c) })
}

// OpenReadWrite implements vfs.FS.
func (d *disk) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return d.create(name, func() (vfs.File, error) { return d.FS.OpenReadWrite(name, c, opts...) })
}

// ReuseForWrite implements vfs.FS.
func (d *disk) ReuseForWrite(old, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return d.create(name, func() (vfs.File, error) { return d.FS.ReuseForWrite(old, name, c) })
}

// OpenDir implements vfs.FS; directories are opened to sync them.
func (d *disk) OpenDir(name string) (vfs.File, error) {
	f, err := d.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &watched{File: f, disk: d, name: name}, nil
}

// change does what alters a directory, unless nothing is written any more.
func (d *disk) change(do func() error) error {
	if d.failed() != nil {
		return nil //nolint:nilerr // the store is broken already, and says so elsewhere
	}
	return do()
}

// Remove implements vfs.FS.
func (d *disk) Remove(name string) error {
	return d.change(func() error { return d.FS.Remove(name) })
}

// RemoveAll implements vfs.FS.
func (d *disk) RemoveAll(name string) error {
	return d.change(func() error { return d.FS.RemoveAll(name) })
}

// Rename implements vfs.FS.
func (d *disk) Rename(from, to string) error {
	return d.change(func() error { return d.note(to, d.FS.Rename(from, to)) })
}

// Link implements vfs.FS.
func (d *disk) Link(from, to string) error {
	return d.change(func() error { return d.FS.Link(from, to) })
}

// MkdirAll implements vfs.FS.
func (d *disk) MkdirAll(dir string, perm os.FileMode) error {
	return d.change(func() error { return d.FS.MkdirAll(dir, perm) })
}

// Lock implements vfs.FS. The store holds the lock of the data folder for longer than
// an engine lives.
func (d *disk) Lock(string) (io.Closer, error) { return unlocked{}, nil }

// Unwrap implements vfs.FS.
func (d *disk) Unwrap() vfs.FS { return d.FS }

type unlocked struct{}

func (unlocked) Close() error { return nil }

// watched is a file whose writes and fsyncs the disk watches.
type watched struct {
	vfs.File
	disk *disk
	name string
}

func (w *watched) write(n int, do func() (int, error)) (int, error) {
	if w.disk.failed() != nil {
		return n, w.disk.hide(w.name)
	}
	if n, err := do(); err != nil {
		return n, w.disk.note(w.name, err)
	}
	return n, nil
}

// Write implements vfs.File.
func (w *watched) Write(p []byte) (int, error) {
	n, err := w.write(len(p), func() (int, error) { return w.File.Write(p) })
	if err == nil {
		n = len(p) // also when the failure is hidden
	}
	return n, err
}

// WriteAt implements vfs.File.
func (w *watched) WriteAt(p []byte, at int64) (int, error) {
	n, err := w.write(len(p), func() (int, error) { return w.File.WriteAt(p, at) })
	if err == nil {
		n = len(p)
	}
	return n, err
}

func (w *watched) sync(do func() error) error {
	if w.disk.failed() != nil {
		return w.disk.hide(w.name)
	}
	err := do()
	if err == nil && !vital(w.name) {
		w.disk.noRoom.Store(0)
	}
	return w.disk.note(w.name, err)
}

// Sync implements vfs.File.
func (w *watched) Sync() error { return w.sync(w.File.Sync) }

// SyncData implements vfs.File.
func (w *watched) SyncData() error { return w.sync(w.File.SyncData) }

// SyncTo implements vfs.File.
func (w *watched) SyncTo(length int64) (full bool, err error) {
	err = w.sync(func() error {
		full, err = w.File.SyncTo(length)
		return err
	})
	return full && err == nil, err
}

// Close implements vfs.File; a disk may report a late failure here.
func (w *watched) Close() error {
	err := w.File.Close()
	if strings.HasSuffix(w.name, ".sst") {
		return err
	}
	return w.disk.note(w.name, err)
}

// nowhere is a file that takes writes and keeps nothing.
type nowhere struct{}

var _ vfs.File = nowhere{}

func (nowhere) Close() error                           { return nil }
func (nowhere) Read([]byte) (int, error)               { return 0, io.EOF }
func (nowhere) ReadAt([]byte, int64) (int, error)      { return 0, io.EOF }
func (nowhere) Write(p []byte) (int, error)            { return len(p), nil }
func (nowhere) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }
func (nowhere) Preallocate(int64, int64) error         { return nil }
func (nowhere) Stat() (vfs.FileInfo, error)            { return nil, os.ErrNotExist }
func (nowhere) Sync() error                            { return nil }
func (nowhere) SyncTo(int64) (bool, error)             { return false, nil }
func (nowhere) SyncData() error                        { return nil }
func (nowhere) Prefetch(int64, int64) error            { return nil }
func (nowhere) Fd() uintptr                            { return vfs.InvalidFd }
