package main

import (
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A connection leads to a port of the container's own loopback, and nowhere else: a request names no host. It is made by sbd itself, so that it
// costs no process and somebody in the container can neither halt nor kill it; its socket belongs to the user that the request names.

const (
	connectionsMax = 128
	connectTime    = 10 * time.Second
)

var connectionsBusy atomic.Int32

// portStream is a stream of one connection.
type portStream struct {
	inbox  *inbox
	outlet *outlet

	mu      sync.Mutex
	conn    *os.File // nil until there is a socket
	dropped bool
	reset   bool // the kernel has told the writer so, and tells it nobody twice
}

func (s *session) beginPort(id uint32, r *request) {
	if connectionsBusy.Add(1) > connectionsMax {
		connectionsBusy.Add(-1)
		s.fail(id, failed(tooManyStreams, "%d connections are open", connectionsMax))
		return
	}
	p := &portStream{inbox: newInbox(stdinWindow), outlet: newOutlet(chOutput)}
	p.inbox.attach(s.link, id)
	p.outlet.mu.Lock()
	p.outlet.attach(s.link, id, 0)
	p.outlet.mu.Unlock()
	s.become(id, p)
	go func() {
		defer connectionsBusy.Add(-1)
		defer p.drop(false)
		if err := p.connect(s, r); err != nil {
			s.fail(id, err)
			return
		}
		s.link.send(typeConnected, id, nil)
		if err := p.exchange(); err != nil {
			s.fail(id, err)
			return
		}
		p.end(false)
		s.answer(id, struct{}{})
	}()
}

func (r *request) demandPort() error {
	if r.Port < 1 || r.Port > 65535 {
		return failed(badRequest, "there is no port %d", r.Port)
	}
	return nil
}

// connect tries both addresses of localhost, as whoever listens on only one of them expects it.
func (p *portStream) connect(s *session, r *request) error {
	if err := r.demandPort(); err != nil {
		return err
	}
	id, err := s.check(&request{User: r.User})
	if err != nil {
		return err
	}
	err = p.dial(&syscall.SockaddrInet4{Port: r.Port, Addr: [4]byte{127, 0, 0, 1}}, id, id.differs(r.User))
	if !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	if p.dial(&syscall.SockaddrInet6{Port: r.Port, Addr: [16]byte{15: 1}}, id, id.differs(r.User)) == nil {
		return nil
	}
	return failed(connectionRefused, "nothing answers on port %d of localhost in there", r.Port)
}

func (p *portStream) dial(address syscall.Sockaddr, id identity, asUser bool) error {
	family := syscall.AF_INET
	if _, six := address.(*syscall.SockaddrInet6); six {
		family = syscall.AF_INET6
	}
	fd, err := syscall.Socket(family, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		return err
	}
	if asUser {
		err = syscall.Fchown(fd, id.UID, id.GID)
	}
	if err == nil {
		if err = syscall.Connect(fd, address); err == syscall.EINPROGRESS {
			err = nil
		}
	}
	if err != nil {
		syscall.Close(fd)
		return err
	}
	if !p.use(os.NewFile(uintptr(fd), "connection")) {
		return failed(cancelled, "the courier has closed the stream")
	}
	if err = p.await(); err != nil {
		p.conn.Close()
	}
	return err
}

// use takes a socket in place of the one before it; false where nobody wants one any more.
func (p *portStream) use(conn *os.File) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dropped {
		conn.Close()
		return false
	}
	p.conn = conn
	return true
}

// await waits until the other side has taken the connection.
func (p *portStream) await() error {
	p.conn.SetWriteDeadline(time.Now().Add(connectTime))
	defer p.conn.SetWriteDeadline(time.Time{})
	raw, err := p.conn.SyscallConn()
	if err != nil {
		return err
	}
	var outcome error
	err = raw.Write(func(fd uintptr) bool {
		failure, err := syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_ERROR)
		if err == nil && failure != 0 {
			err = syscall.Errno(failure)
		}
		if outcome = err; err != nil {
			return true
		}
		peer, err := syscall.Getpeername(int(fd))
		if err == syscall.ENOTCONN {
			return false
		}
		// Where nobody listens, the kernel may have chosen that very port for this end, and connected it with itself.
		if own, _ := syscall.Getsockname(int(fd)); err == nil && portOf(own) == portOf(peer) {
			err = syscall.ECONNREFUSED
		}
		outcome = err
		return true
	})
	if err == nil {
		err = outcome
	}
	return err
}

func portOf(address syscall.Sockaddr) int {
	switch at := address.(type) {
	case *syscall.SockaddrInet4:
		return at.Port
	case *syscall.SockaddrInet6:
		return at.Port
	}
	return -1
}

// exchange passes bytes on in both directions until both have ended. An error is a connection that was cut.
func (p *portStream) exchange() error {
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		if _, err := io.CopyBuffer(socketWriter{p}, onlyReader{p.inbox}, make([]byte, 32<<10)); err != nil {
			p.inbox.refuse() // whoever listens reads no more; it may still write
			return
		}
		p.control(func(fd int) { syscall.Shutdown(fd, syscall.SHUT_WR) })
	}()
	var err error
	for err == nil {
		_, err = p.outlet.fill(p.conn.Read)
	}
	if err == io.EOF {
		err = p.wasReset()
	}
	if err != nil {
		p.drop(false)
		<-sent
		return err
	}
	p.outlet.end()
	<-sent
	return p.wasReset()
}

func (p *portStream) wasReset() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reset {
		return syscall.ECONNRESET
	}
	return nil
}

// socketWriter writes, and remembers that the connection was reset: whoever reads afterwards is told only that nothing follows.
type socketWriter struct{ *portStream }

func (w socketWriter) Write(bytes []byte) (done int, err error) {
	raw, err := w.conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	for err == nil && done < len(bytes) {
		var failure error
		err = raw.Write(func(fd uintptr) bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			var n int
			n, failure = syscall.Write(int(fd), bytes[done:])
			done += max(n, 0)
			w.reset = w.reset || failure == syscall.ECONNRESET
			return failure != syscall.EAGAIN
		})
		if err == nil && failure != syscall.EINTR {
			err = failure
		}
	}
	return done, err
}

func (p *portStream) control(work func(fd int)) {
	if raw, err := p.conn.SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) { work(int(fd)) })
	}
}

func (p *portStream) receive(f frame) error {
	if f.kind != typeData && f.kind != typeEOF && f.kind != typeCredit {
		return nil
	}
	channel, offset, bytes, _ := f.onChannel()
	switch {
	case f.kind == typeCredit && channel == chOutput:
		p.outlet.credit(offset)
	case f.kind == typeEOF && channel == chInput:
		p.inbox.close(nil)
	case f.kind == typeData && channel == chInput:
		return p.inbox.put(offset, bytes)
	}
	return nil
}

// drop: what was not brought to its end is cut, so that no one takes a part for the whole.
func (p *portStream) drop(bool) {
	why := failed(cancelled, "the courier has closed the stream")
	p.inbox.close(why)
	p.outlet.drop(why)
	p.end(true)
}

func (p *portStream) end(cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dropped = true
	if p.conn == nil {
		return
	}
	if cut {
		p.control(func(fd int) {
			syscall.SetsockoptLinger(fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1})
		})
	}
	p.conn.Close()
}
