package main

import (
	"bufio"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"
)

type daemon struct {
	secret     []byte
	courierUID uint32
	readable   string
	commands   *commands

	mu   sync.Mutex
	link *link
}

func newDaemon(readable string) *daemon {
	d := &daemon{readable: readable, commands: newCommands()}
	reserveThreads()
	return d
}

// threadsReserve: the Go runtime ends a program that gets no further thread, and a fork bomb takes them all. So they are made now, and no more
// than blockingMax goroutines wait inside of the kernel at a time, beside the reaper, the one that waits for TERM and the one that forks.
const (
	threadsReserve = 40
	blockingMax    = 16
)

var blocking = make(chan struct{}, blockingMax)

// inKernel runs what may wait inside of the kernel for long.
func inKernel[T any](work func() T) T {
	blocking <- struct{}{}
	defer func() { <-blocking }()
	return work()
}

func reserveThreads() {
	runtime.GOMAXPROCS(2)
	var all sync.WaitGroup
	for range threadsReserve {
		all.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			pause := syscall.NsecToTimespec(int64(5 * time.Millisecond))
			syscall.Nanosleep(&pause, nil)
		})
	}
	all.Wait()
}

// stream is what the courier has opened.
type stream interface {
	receive(f frame) error
	// drop: the courier has closed it, or the connection has ended.
	drop(closed bool)
}

// session is one connection.
type session struct {
	*daemon
	link    *link
	mu      sync.Mutex
	streams map[uint32]stream
	over    bool
	parts   []byte // of a request whose last part has not come yet
}

// converse carries out what comes over a connection until that ends.
func (d *daemon) converse(l *link) error {
	buffer := make([]byte, headerBytes+payloadMax)
	from := bufio.NewReaderSize(l.conn, 16<<10)
	if err := d.greet(l, from, buffer); err != nil {
		l.sendJSON(typeError, 0, failureOf(err))
		return err
	}
	d.setLink(l)
	defer d.setLink(nil)
	s := &session{daemon: d, link: l, streams: map[uint32]stream{}}
	defer s.commands.resume() // what was to be done meanwhile will not be
	defer s.dropAll()
	for {
		f, err := readFrame(from, buffer)
		if err == nil {
			err = s.take(f)
		}
		if err != nil {
			if f, ok := err.(*failure); ok {
				l.sendJSON(typeError, 0, f)
			}
			return err
		}
	}
}

func (d *daemon) setLink(l *link) {
	d.mu.Lock()
	d.link = l
	d.mu.Unlock()
}

func (d *daemon) notify(n notice) {
	d.mu.Lock()
	l := d.link
	d.mu.Unlock()
	if l != nil {
		l.sendJSON(typeNotice, 0, n)
	}
}

// take carries out one frame. An error ends the connection.
func (s *session) take(f frame) error {
	switch f.kind {
	case typePing:
		return s.link.send(typePong, f.stream, f.payload)
	case typeOpenPart, typeOpen:
		return s.open(f)
	}
	// Malformed frames end the connection, whether their stream lives or not.
	if err := wellFormed(f); err != nil {
		return err
	}
	s.mu.Lock()
	at := s.streams[f.stream]
	if f.kind == typeClose {
		delete(s.streams, f.stream)
	}
	s.mu.Unlock()
	if at == nil {
		return nil // it has ended meanwhile
	}
	if f.kind == typeClose {
		at.drop(true)
	} else if err := at.receive(f); err != nil {
		s.fail(f.stream, err)
		at.drop(false)
	}
	return nil
}

func wellFormed(f frame) (err error) {
	switch f.kind {
	case typeData, typeCredit, typeEOF:
		_, _, _, err = f.onChannel()
	case typeResize:
		_, err = f.size()
	case typeSignal:
		_, _, err = f.signal()
	case typeClose, typeConnected:
		if len(f.payload) != 0 {
			err = failed(badFrame, "a frame of type %d says something", f.kind)
		}
	case typeHello, typeWelcome, typeProof:
		err = failed(badFrame, "the greeting is over")
	}
	return err
}

func (s *session) open(f frame) error {
	if len(s.parts)+len(f.payload) > requestMax {
		s.parts = nil
		return failed(tooLarge, "a request is longer than %d bytes", requestMax)
	}
	s.parts = append(s.parts, f.payload...)
	if f.kind == typeOpenPart {
		return nil
	}
	text := s.parts
	s.parts = nil
	mayHaveMadeGarbage()
	var r request
	if err := strict(text, &r); err != nil {
		s.refuse(f.stream, err)
		return nil
	}
	s.mu.Lock()
	_, taken := s.streams[f.stream]
	full := len(s.streams) >= streamsMax
	if !taken && !full {
		s.streams[f.stream] = nothing{}
	}
	s.mu.Unlock()
	switch {
	case taken || f.stream == 0:
		s.refuse(f.stream, failed(badRequest, "stream %d is open already", f.stream))
	case full:
		s.refuse(f.stream, failed(tooManyStreams, "%d streams are open", streamsMax))
	default:
		s.begin(f.stream, &r)
	}
	return nil
}

// nothing is a stream that is about to begin.
type nothing struct{}

func (nothing) receive(frame) error { return nil }
func (nothing) drop(bool)           {}

// become puts at in the place of the stream; false where the courier has closed it, or the connection has ended.
func (s *session) become(id uint32, at stream) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, open := s.streams[id]; !open {
		return false
	}
	s.streams[id] = at
	return true
}

func (s *session) isOver() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.over
}

// fail ends a stream with an error.
func (s *session) fail(id uint32, err error) {
	s.forget(id)
	s.refuse(id, err)
}

func (s *session) refuse(id uint32, err error) { s.link.sendJSON(typeError, id, failureOf(err)) }

// answer ends a stream with a result.
func (s *session) answer(id uint32, result any) {
	s.forget(id)
	s.link.sendJSON(typeResult, id, result)
}

func (s *session) forget(id uint32) {
	s.mu.Lock()
	delete(s.streams, id)
	s.mu.Unlock()
}

func (s *session) dropAll() {
	s.mu.Lock()
	all := s.streams
	s.streams, s.over = nil, true
	s.mu.Unlock()
	for _, at := range all {
		at.drop(false)
	}
}

func (s *session) begin(id uint32, r *request) {
	switch r.Op {
	case "run", "attach":
		go s.beginCommand(id, r)
	case "read", "write", "stat", "list", "links", "remove", "mkdir", "untar", "tar", "copy", "watch":
		s.beginFiles(id, r)
	case "connect":
		s.beginPort(id, r)
	default:
		go s.beginShort(id, r)
	}
}

// beginShort carries out what needs no bytes.
func (s *session) beginShort(id uint32, r *request) {
	result, err := s.short(r)
	if err != nil {
		s.fail(id, err)
		return
	}
	s.answer(id, result)
}

func (s *session) short(r *request) (any, error) {
	switch r.Op {
	case "commands":
		return map[string]any{"commands": s.commands.list()}, nil
	case "check":
		id, err := s.check(r)
		return checked{id, os.Getenv("PATH")}, err
	case "end":
		return s.commands.end(r.ID, ending{r.Scope, r.GraceMs})
	case "halt":
		result, err := s.commands.halt(r)
		if err == nil && r.Readable && s.readable != "" {
			openToAll(s.readable)
		}
		return result, err
	case "resume":
		return resumed{s.commands.resume()}, nil
	case "freeze":
		return left{freeze(s.readable)}, nil
	case "exit":
		s.leave(r.Code & 0xff)
	}
	return nil, failed(badRequest, "there is no request %q", r.Op)
}

// leave ends everybody, and the container.
func (d *daemon) leave(code int) {
	syscall.Kill(-1, syscall.SIGKILL)
	if d.readable != "" {
		waitUntilGone(200 * time.Millisecond)
		openToAll(d.readable)
	}
	os.Exit(code)
}
