package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// courier is the other end of a session, as far as a connection needs it: it allows whatever comes.
type courier struct {
	t       *testing.T
	session *session
	conn    *os.File
	frames  chan frame
}

func newCourier(t *testing.T) *courier {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "ours"), os.NewFile(uintptr(fds[1]), "theirs")
	c := &courier{t: t, conn: ours, frames: make(chan frame, 4096)}
	c.session = &session{daemon: &daemon{commands: newCommands()}, link: &link{conn: theirs}, streams: map[uint32]stream{}}
	go func() {
		defer close(c.frames)
		for {
			f, err := readFrame(ours, make([]byte, headerBytes+payloadMax))
			if err != nil {
				return
			}
			c.frames <- f
		}
	}()
	t.Cleanup(func() { c.session.dropAll(); ours.Close(); theirs.Close() })
	return c
}

func (c *courier) take(kind byte, stream uint32, payload []byte) {
	if err := c.session.take(frame{kind, stream, payload}); err != nil {
		c.t.Error(err)
	}
}

func (c *courier) connect(stream uint32, port int) {
	c.take(typeOpen, stream, fmt.Appendf(nil, `{"op":"connect","port":%d}`, port))
}

func (c *courier) next() frame {
	select {
	case f, open := <-c.frames:
		if !open {
			c.t.Fatal("the connection has ended")
		}
		return f
	case <-time.After(10 * time.Second):
		c.t.Fatal("nothing came")
	}
	return frame{}
}

func (c *courier) demand(kind byte) frame {
	f := c.next()
	if f.kind != kind {
		c.t.Fatalf("type %d came in place of %d: %s", f.kind, kind, f.payload)
	}
	return f
}

func onChannel(channel byte, offset uint64, bytes []byte) []byte {
	payload := append([]byte{channel}, make([]byte, 8)...)
	for i := range 8 {
		payload[1+i] = byte(offset >> (8 * i))
	}
	return append(payload, bytes...)
}

func listen(t *testing.T, serve func(*net.TCPConn)) int {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go serve(conn.(*net.TCPConn))
		}
	}()
	return listener.Addr().(*net.TCPAddr).Port
}

func TestAConnectionBringsAllBytesBothWaysAndEndsInHalves(t *testing.T) {
	sent := make([]byte, 3<<20)
	rand.New(rand.NewSource(1)).Read(sent)
	// It answers once nothing more comes: a half that was closed.
	port := listen(t, func(conn *net.TCPConn) {
		got, _ := io.ReadAll(conn)
		fmt.Fprintf(conn, "%x", sha256.Sum256(got))
		conn.Write(got)
		conn.Close()
	})
	c := newCourier(t)
	c.connect(7, port)
	c.demand(typeConnected)
	granted := uint64(stdinWindow)
	for at := uint64(0); at < uint64(len(sent)); {
		for at == granted {
			if f := c.demand(typeCredit); f.stream == 7 {
				_, granted, _, _ = f.onChannel()
			}
		}
		piece := min(uint64(len(sent))-at, granted-at, 20_000)
		c.take(typeData, 7, onChannel(chInput, at, sent[at:at+piece]))
		at += piece
	}
	c.take(typeEOF, 7, onChannel(chInput, uint64(len(sent)), nil))
	var got bytes.Buffer
	for {
		f := c.next()
		if f.kind == typeCredit {
			continue
		}
		if f.kind == typeEOF {
			break
		}
		_, offset, piece, err := f.onChannel()
		if f.kind != typeData || err != nil || offset != uint64(got.Len()) {
			t.Fatal(f.kind, offset, err)
		}
		got.Write(piece)
		c.take(typeCredit, 7, onChannel(chOutput, uint64(got.Len())+window, nil))
	}
	c.demand(typeResult)
	if want := fmt.Sprintf("%x", sha256.Sum256(sent)) + string(sent); got.String() != want {
		t.Fatalf("%d bytes came, and not these %d", got.Len(), len(want))
	}
}

func TestAConnectionHoldsBackWhoeverWritesFasterThanIsRead(t *testing.T) {
	written := make(chan int, 1)
	port := listen(t, func(conn *net.TCPConn) {
		defer conn.Close()
		conn.SetWriteBuffer(16 << 10)
		conn.SetWriteDeadline(time.Now().Add(time.Second))
		n, _ := io.Copy(conn, endless{})
		written <- int(n)
	})
	c := newCourier(t)
	c.connect(7, port)
	c.demand(typeConnected)
	came := 0
	for came < window {
		_, _, piece, _ := c.demand(typeData).onChannel()
		came += len(piece)
	}
	// The kernel's own buffers, beyond the window that sbd has read.
	if n := <-written; came != window || n > window+16<<20 {
		t.Fatal(came, n)
	}
}

type endless struct{}

func (endless) Read(into []byte) (int, error) { return len(into), nil }

func TestAPortWhereNobodyListensIsRefused(t *testing.T) {
	c := newCourier(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	for stream, port := range map[uint32]int{1: listener.Addr().(*net.TCPAddr).Port, 2: 0, 3: 65536, 4: -1} {
		c.connect(stream, port)
		want := "BadRequest"
		if stream == 1 {
			want = "ConnectionRefused"
		}
		if f := c.demand(typeError); f.stream != stream || !strings.Contains(string(f.payload), want) {
			t.Errorf("port %d: %s", port, f.payload)
		}
	}
}

func TestAConnectionReachesWhoeverListensOnIPv6Alone(t *testing.T) {
	listener, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skip(err)
	}
	defer listener.Close()
	go func() {
		if conn, err := listener.Accept(); err == nil {
			io.WriteString(conn, "six")
			conn.Close()
		}
	}()
	c := newCourier(t)
	c.connect(7, listener.Addr().(*net.TCPAddr).Port)
	c.demand(typeConnected)
	if _, _, piece, _ := c.demand(typeData).onChannel(); string(piece) != "six" {
		t.Fatal(string(piece))
	}
}

// Whether it is reading or writing that meets the end, and both at a time.
func TestAConnectionThatIsCutIsNeverTakenForOneThatEnded(t *testing.T) {
	for round := range 60 {
		port := listen(t, func(conn *net.TCPConn) {
			io.WriteString(conn, "part")
			if round%3 > 0 {
				conn.Read(make([]byte, 1))
			}
			conn.SetLinger(0)
			conn.Close()
		})
		c := newCourier(t)
		c.connect(7, port)
		if round%3 > 0 {
			c.demand(typeConnected)
			c.take(typeData, 7, onChannel(chInput, 0, make([]byte, 1+round%3*20_000)))
		}
		f := c.next()
		for f.kind == typeConnected || f.kind == typeData || f.kind == typeCredit || f.kind == typeEOF && f.payload[0] == chInput {
			f = c.next()
		}
		if f.kind != typeError || !strings.Contains(string(f.payload), "ConnectionReset") {
			t.Fatalf("round %d: type %d %s", round, f.kind, f.payload)
		}
	}
}

func TestAConnectionWhoseStreamIsClosedIsCut(t *testing.T) {
	for _, how := range []func(*courier){
		func(c *courier) { c.take(typeClose, 7, nil) },
		func(c *courier) { c.session.dropAll() }, // the connection to the courier has ended
	} {
		ended := make(chan error, 1)
		port := listen(t, func(conn *net.TCPConn) {
			_, err := io.ReadAll(conn)
			ended <- err
		})
		c := newCourier(t)
		c.connect(7, port)
		c.demand(typeConnected)
		c.take(typeData, 7, onChannel(chInput, 0, []byte("half of what was to")))
		how(c)
		if err := <-ended; err == nil || !strings.Contains(err.Error(), "reset") {
			t.Error(err)
		}
	}
}

func TestThereAreNoMoreConnectionsThanThereMayBe(t *testing.T) {
	port := listen(t, func(conn *net.TCPConn) { io.Copy(io.Discard, conn) })
	c := newCourier(t)
	for stream := range uint32(connectionsMax) {
		c.connect(stream+1, port)
		c.demand(typeConnected)
	}
	c.connect(1000, port)
	if f := c.demand(typeError); f.stream != 1000 || !strings.Contains(string(f.payload), "TooManyStreams") {
		t.Fatal(string(f.payload))
	}
	c.take(typeClose, 1, nil)
	for end := time.Now().Add(5 * time.Second); connectionsBusy.Load() == connectionsMax; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it is still counted")
		}
	}
}
