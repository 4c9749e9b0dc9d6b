package app

import (
	"io"

	"github.com/sirupsen/logrus"
)

// newLog makes the daemon's log. What is logged never holds a secret or the id of a
// customer's record: errors carry places and reasons, not content.
func newLog(c LogConfig, w io.Writer) *logrus.Logger {
	log := logrus.New()
	log.SetOutput(w)
	if level, err := logrus.ParseLevel(c.Level); err == nil {
		log.SetLevel(level)
	}
	if c.Format == "json" {
		log.SetFormatter(&logrus.JSONFormatter{})
	} else {
		log.SetFormatter(&logrus.TextFormatter{FullTimestamp: true, DisableColors: true})
	}
	return log
}
