package simulate

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
)

// file is a file in the making; the first error stays until close.
type file struct {
	f   *os.File
	buf *bufio.Writer
	err error
}

func create(dir, name string) (*file, error) {
	f, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		return nil, fmt.Errorf("simulate: %w", err)
	}
	return &file{f: f, buf: bufio.NewWriterSize(f, 1<<18)}, nil
}

func (f *file) Write(b []byte) (int, error) {
	n, err := f.buf.Write(b)
	if err != nil && f.err == nil {
		f.err = err
	}
	return n, err
}

func (f *file) close() error {
	err := cmp.Or(f.err, f.buf.Flush())
	if err = cmp.Or(err, f.f.Close()); err != nil {
		return fmt.Errorf("simulate: write %s: %w", filepath.Base(f.f.Name()), err)
	}
	return nil
}

// table writes a whole CSV file.
func table(dir, name string, header []string, rows func(row func(...string))) error {
	f, err := create(dir, name)
	if err != nil {
		return err
	}
	w := csv.NewWriter(f)
	row := func(cells ...string) { _ = w.Write(cells) } // the error stays in f
	row(header...)
	rows(row)
	w.Flush()
	return f.close()
}
