package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// collectAfter: what sbd holds is of the user's limit. By Go's own measure, 4 MiB of what nobody needs any more would lie beside the some hundred
	// KiB that it holds.
	collectAfter = 1 << 20
	// heldMost is more than all rings and buffers together.
	heldMost = 128 << 20
)

// garbage is written to where some may have been made.
var garbage = make(chan struct{}, 1)

func mayHaveMadeGarbage() {
	select {
	case garbage <- struct{}{}:
	default:
	}
}

// collectByHand: to collect garbage, Go stops everybody, and waits for a thread that forks until its child has become a program. Whoever halted the
// child in that moment would halt sbd, and for ever, since nobody would be there to let it go on. So Go collects by itself only where it must.
func (c *children) collectByHand() {
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(heldMost)
	var before uint64
	for range garbage {
		before = c.collect(before)
	}
}

// collect collects what has become garbage since so many bytes had been allocated, where that is enough, while no child is being made.
func (c *children) collect(before uint64) uint64 {
	allocated := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(allocated)
	now := allocated[0].Value.Uint64()
	if now-before < collectAfter {
		return before
	}
	c.forking.Lock()
	defer c.forking.Unlock()
	runtime.GC()
	return now
}
