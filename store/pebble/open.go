package pebble

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/onlooker-ueba/onlooker/store"
)

// format is the version of what lies in a data folder: of its keys and its rows.
const format = 1

// Options are how a store is opened; the zero value suits.
type Options struct {
	// FS holds the data folder; nil is the disk.
	FS vfs.FS
	// Now stamps facts that come without a time of becoming known; nil is time.Now.
	Now func() time.Time
	// Log takes what an operator may want to know of the engine; nil keeps silent.
	Log func(message string)
	// CacheBytes bounds the memory for blocks that were read; 0 is 64 MiB.
	CacheBytes int64
	// ReserveBytes is the room on the disk below which writes are refused with
	// store.ErrFull; 0 is 128 MiB, negative none. Deleting may use it.
	ReserveBytes int64
}

const (
	defaultCache   = 64 << 20
	defaultReserve = 128 << 20
)

func (o *Options) setDefaults() {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = func(string) {}
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = defaultCache
	}
	if o.ReserveBytes == 0 {
		o.ReserveBytes = defaultReserve
	}
}

// Open opens the data folder, and makes it where there is none. The error wraps
// store.ErrLocked when another process holds the folder, and store.ErrNewer when a newer
// version wrote it.
func Open(dir string, opts Options) (*Store, error) {
	opts.setDefaults()
	s, err := open(dir, opts)
	if err != nil {
		return nil, fmt.Errorf("open data folder %s: %w", dir, err)
	}
	return s, nil
}

func open(dir string, opts Options) (*Store, error) {
	if err := makeFolder(opts.FS, dir); err != nil {
		return nil, err
	}
	lock, err := lockFolder(opts.FS, dir)
	if err != nil {
		return nil, err
	}
	s := newStore(dir, opts, lock)
	if err := s.start(); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return s, nil
}

// makeFolder makes the folder and sees to it that its name survives a power loss.
func makeFolder(fs vfs.FS, dir string) error {
	if _, err := fs.Stat(dir); err == nil {
		return nil
	}
	if err := fs.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return syncDir(fs, fs.PathDir(dir))
}

func syncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// lockFolder takes the lock of the folder. The process id stands in a file of its own,
// because closing any descriptor of the locked file would release the lock.
func lockFolder(fs vfs.FS, dir string) (io.Closer, error) {
	lock, err := fs.Lock(fs.PathJoin(dir, "LOCK"))
	if err != nil {
		return nil, lockedError(fs, dir)
	}
	if err := writeFile(fs, dir, "PID", strconv.Itoa(os.Getpid())); err != nil && !isFull(err) {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}

func lockedError(fs vfs.FS, dir string) error {
	pid, err := readFile(fs, fs.PathJoin(dir, "PID"))
	if err != nil || pid == "" {
		pid = "unknown"
	}
	return fmt.Errorf("%w: process %s (onlooker serve) holds it; stop that one, or choose another folder with --data",
		store.ErrLocked, pid)
}

// checkFormat refuses a folder that a newer version wrote, and marks a new one.
func checkFormat(fs vfs.FS, dir string) error {
	text, err := readFile(fs, fs.PathJoin(dir, "FORMAT"))
	if errors.Is(err, os.ErrNotExist) {
		return markFormat(fs, dir)
	}
	if err != nil {
		return err
	}
	version, err := strconv.Atoi(text)
	if err != nil || version < 1 {
		return fmt.Errorf("FORMAT says %q, which is no format version: the folder is damaged, or not one of Onlooker's", text)
	}
	if version > format {
		return fmt.Errorf("%w: its format is %d, this version of Onlooker reads up to %d; start the version that wrote it, or a newer one",
			store.ErrNewer, version, format)
	}
	return nil
}

func markFormat(fs vfs.FS, dir string) error {
	if _, err := fs.Stat(fs.PathJoin(dir, tables)); err == nil {
		return fmt.Errorf("it holds data, but no FORMAT file that says of which version; restore the folder from a backup")
	}
	return writeFile(fs, dir, "FORMAT", strconv.Itoa(format))
}

// writeFile writes a small file whole or not at all.
func writeFile(fs vfs.FS, dir, name, text string) error {
	path := fs.PathJoin(dir, name)
	f, err := fs.Create(path+".new", vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write([]byte(text + "\n"))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := fs.Rename(path+".new", path); err != nil {
		return err
	}
	return syncDir(fs, dir)
}

func readFile(fs vfs.FS, path string) (string, error) {
	f, err := fs.Open(path)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(f, 1<<10))
	return strings.TrimSpace(string(text)), errors.Join(err, f.Close())
}
