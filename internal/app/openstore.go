package app

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/store/pebble"
)

// openStore opens the store that the configuration names; on an error it is nil.
func openStore(_ context.Context, c Config, now func() time.Time, log *logrus.Logger) (store.Store, error) {
	quiet := func(m string) { log.WithField("part", "store").Debug(m) }
	s, err := pebble.Open(filepath.Join(c.Data, "store"), pebble.Options{Now: now, Log: quiet})
	if err != nil {
		return nil, err // not s: a nil *pebble.Store in the interface would not be nil
	}
	return s, nil
}

// storeName says in a few words which store the configuration means; two configurations
// that mean the same store give the same name.
func storeName(c Config) string {
	dir, err := filepath.Abs(filepath.Join(c.Data, "store"))
	if err != nil {
		dir = c.Data
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	return fmt.Sprintf("%s:%s", c.Store.Kind, dir)
}
