package spool_test

import (
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/onlooker-ueba/onlooker/store/spool"
)

// BenchmarkAppend measures events through the spool, written, fsynced, read, delivered to
// a remote in memory, and deleted.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{1, 1000} {
		b.Run(map[int]string{1: "one", 1000: "thousand"}[size], func(b *testing.B) {
			r := newRemote()
			s := open(b, openFolder(b, filepath.Join(b.TempDir(), "spool")), dial(r), spool.Options{Patience: patience})
			var next atomic.Int64
			b.SetParallelism(16)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					n := int(next.Add(1))
					if _, err := s.Append(b.Context(), events(n*size, size)); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
