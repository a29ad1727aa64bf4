package main

import (
	"io"
	"os"
	"sync"
)

// memory is what all rings together may hold, beyond their least size.
var memory = budget{left: 32 << 20}

type budget struct {
	mu   sync.Mutex
	left int
}

func (b *budget) take(n int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left < n {
		return false
	}
	b.left -= n
	return true
}

func (b *budget) give(n int) {
	b.mu.Lock()
	b.left += n
	b.mu.Unlock()
}

const ringLeast = 4 << 10

// outlet is what goes to the courier on one channel: it keeps the last bytes, and reads no further than the courier has taken.
type outlet struct {
	channel int

	mu     sync.Mutex
	moved  sync.Cond
	ring   []byte // the byte of offset o lies at o % len(ring)
	head   uint64 // offset of the next byte
	limit  uint64 // how far the courier lets it go; it has taken what lies a window before that
	ended  bool
	broken error // nobody will take anything any more
	link   *link // nil while nobody is attached
	stream uint32
}

func newOutlet(channel int) *outlet {
	o := &outlet{channel: channel, ring: make([]byte, ringLeast), limit: window}
	o.moved.L = &o.mu
	return o
}

func (o *outlet) kept() uint64 { return o.head - min(o.head, uint64(len(o.ring))) }

// grow doubles the ring where its bytes would be lost otherwise. Called with the lock.
func (o *outlet) grow() {
	size := len(o.ring)
	if o.head < uint64(size) || size >= window || !memory.take(size) {
		return
	}
	ring := make([]byte, size*2)
	for at := o.kept(); at < o.head; at++ {
		ring[at%uint64(len(ring))] = o.ring[at%uint64(size)]
	}
	o.ring = ring
	mayHaveMadeGarbage()
}

// room is how much may be read now. Called with the lock. What somebody is attached to is sent at once, so that it need not be kept; where
// nobody is, what the courier has not taken must not be lost.
func (o *outlet) room() uint64 {
	size := uint64(len(o.ring))
	if o.link != nil {
		return min(o.limit-o.head, size)
	}
	return size - min(o.head-(o.limit-window), size)
}

// fill has read put bytes into the ring as soon as there is room, and sends them. It returns what read returns.
func (o *outlet) fill(read func([]byte) (int, error)) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var room uint64
	for o.broken == nil {
		o.grow()
		if room = o.room(); room > 0 {
			break
		}
		o.moved.Wait()
	}
	if o.broken != nil {
		return 0, o.broken
	}
	at := o.head % uint64(len(o.ring))
	space := o.ring[at:min(at+room, uint64(len(o.ring)), at+dataMax)]
	o.mu.Unlock()
	n, err := read(space)
	o.mu.Lock()
	if n > 0 {
		o.put(o.head, space[:n])
		o.head += uint64(n)
	}
	return n, err
}

func (o *outlet) put(offset uint64, bytes []byte) {
	if o.link == nil {
		return
	}
	if o.link.sendOnChannel(typeData, o.stream, o.channel, offset, bytes) != nil {
		o.link = nil
	}
}

func (o *outlet) Write(bytes []byte) (int, error) {
	for done := 0; done < len(bytes); {
		n, err := o.fill(func(space []byte) (int, error) { return copy(space, bytes[done:]), nil })
		if err != nil {
			return done, err
		}
		done += n
	}
	return len(bytes), nil
}

// drain hands on all that can be read.
func (o *outlet) drain(from *os.File) error {
	for {
		if _, err := o.fill(from.Read); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// attach begins to send to l, from the offset from on. Called with the lock.
func (o *outlet) attach(l *link, stream uint32, from uint64) {
	o.link, o.stream, o.limit = l, stream, from+window
	for at := from; at < o.head && o.link != nil; {
		begin := at % uint64(len(o.ring))
		piece := o.ring[begin:min(begin+o.head-at, uint64(len(o.ring)), begin+dataMax)]
		o.put(at, piece)
		at += uint64(len(piece))
	}
	o.sayEnd()
	o.moved.Broadcast()
}

func (o *outlet) detach(l *link) {
	o.mu.Lock()
	if o.link == l {
		o.link = nil
	}
	o.mu.Unlock()
}

func (o *outlet) credit(upTo uint64) {
	o.mu.Lock()
	if upTo > o.limit && upTo <= o.head+window {
		o.limit = upTo
		o.moved.Broadcast()
	}
	o.mu.Unlock()
}

// end says that nothing follows.
func (o *outlet) end() {
	o.mu.Lock()
	o.ended = true
	o.sayEnd()
	o.mu.Unlock()
}

func (o *outlet) sayEnd() {
	if o.ended && o.link != nil && o.link.sendOnChannel(typeEOF, o.stream, o.channel, o.head, nil) != nil {
		o.link = nil
	}
}

// drop lets whoever waits for room go, and gives the memory back.
func (o *outlet) drop(why error) {
	o.mu.Lock()
	if o.broken == nil {
		o.broken = why
		o.link = nil
		memory.give(len(o.ring) - ringLeast)
		o.moved.Broadcast()
	}
	o.mu.Unlock()
}

func (o *outlet) total() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.head
}

// inbox is what comes from the courier on channel 0.
type inbox struct {
	mu       sync.Mutex
	moved    sync.Cond
	waiting  []byte
	taken    int    // of waiting
	window   uint64 // what of it may be on its way or wait here
	received uint64
	granted  uint64
	closed   bool
	broken   error
	link     *link
	stream   uint32
}

func newInbox(window uint64) *inbox {
	i := &inbox{window: window, granted: stdinWindow}
	i.moved.L = &i.mu
	return i
}

func (i *inbox) attach(l *link, stream uint32) {
	i.mu.Lock()
	i.link, i.stream = l, stream
	i.granted = i.received + stdinWindow // whoever attaches knows no other limit
	i.grant()
	i.mu.Unlock()
}

func (i *inbox) put(offset uint64, bytes []byte) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.broken != nil || i.closed {
		return nil // it came too late; the courier has been told
	}
	if offset != i.received || offset+uint64(len(bytes)) > i.granted {
		return failed(badRequest, "input at %d was not expected: %d bytes are here, %d may be", offset, i.received, i.granted)
	}
	if len(i.waiting)+len(bytes) > cap(i.waiting) {
		i.waiting = i.waiting[:copy(i.waiting, i.waiting[i.taken:])]
		i.taken = 0
	}
	i.waiting = append(i.waiting, bytes...)
	i.received += uint64(len(bytes))
	i.moved.Broadcast()
	return nil
}

func (i *inbox) close(why error) {
	i.mu.Lock()
	i.closed = i.closed || why == nil
	if i.broken == nil {
		i.broken = why
	}
	i.moved.Broadcast()
	i.mu.Unlock()
}

// Read waits for bytes; io.EOF at their end.
func (i *inbox) Read(into []byte) (int, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for i.taken == len(i.waiting) && !i.closed && i.broken == nil {
		i.moved.Wait()
	}
	if i.broken != nil {
		return 0, i.broken
	}
	if i.taken == len(i.waiting) {
		return 0, io.EOF
	}
	n := copy(into, i.waiting[i.taken:])
	i.taken += n
	if i.taken == len(i.waiting) {
		i.waiting, i.taken = i.waiting[:0], 0
	}
	i.grant()
	return n, nil
}

// grant lets the courier go on, by half a window or more. Called with the lock.
func (i *inbox) grant() {
	upTo := i.received - uint64(len(i.waiting)-i.taken) + i.window
	if upTo < i.granted+i.window/2 {
		return
	}
	i.granted = upTo
	if i.link != nil {
		i.link.sendOnChannel(typeCredit, i.stream, chInput, upTo, nil)
	}
}

// refuse tells the courier that nobody reads any more.
func (i *inbox) refuse() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.closed || i.broken != nil {
		return
	}
	i.closed, i.waiting, i.taken = true, nil, 0
	if i.link != nil {
		i.link.sendOnChannel(typeEOF, i.stream, chInput, i.received, nil)
	}
}
