package kafka

import (
	"github.com/sirupsen/logrus"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

type (
	kmsgCommit    = kmsg.OffsetCommitRequest
	kmsgCommitted = kmsg.OffsetCommitResponse
)

func errorOf(code int16) error { return kerr.ErrorForCode(code) }

// logger passes the client's warnings on.
type logger struct{ log logrus.FieldLogger }

// Level implements kgo.Logger.
func (logger) Level() kgo.LogLevel { return kgo.LogLevelWarn }

// Log implements kgo.Logger.
func (l logger) Log(level kgo.LogLevel, message string, keyvals ...any) {
	entry := l.log
	for i := 0; i+1 < len(keyvals); i += 2 {
		if name, ok := keyvals[i].(string); ok {
			entry = entry.WithField(name, keyvals[i+1])
		}
	}
	if level == kgo.LogLevelError {
		entry.Error(message)
		return
	}
	entry.Warn(message)
}
