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

// collectByHand: to collect garbage, Go stops everybody, and waits for a thread that forks until its child has become a program. Whoever halted the
// child in that moment would halt sbd, and for ever, since nobody would be there to let it go on. So Go collects by itself only where it must.
func collectByHand() {
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(heldMost)
}

// collect collects what has become garbage, where that is enough and no child is being made. Requests come one at a time, and it is called for each.
func (c *children) collect() {
	allocated := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(allocated)
	now := allocated[0].Value.Uint64()
	if now-c.collected < collectAfter || !c.forking.TryLock() {
		return
	}
	defer c.forking.Unlock()
	runtime.GC()
	c.collected = now
}
