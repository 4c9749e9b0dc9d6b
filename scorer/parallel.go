package scorer

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// parallel calls f for each of 0 … n−1, in no order, and returns when all are done.
// What f writes must belong to its number alone.
func parallel(n int, f func(i int)) {
	const batch = 16
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), (n+batch-1)/batch) {
		wg.Go(func() {
			for {
				from := int(next.Add(batch)) - batch
				if from >= n {
					return
				}
				for i := from; i < min(from+batch, n); i++ {
					f(i)
				}
			}
		})
	}
	wg.Wait()
}
