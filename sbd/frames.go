package main

import (
	"encoding/binary"
	"encoding/json"
	"io"
	"os"
	"sync"
	"time"
)

const (
	payloadMax  = 64 << 10
	headerBytes = 9
	dataHead    = 9
	dataMax     = payloadMax - dataHead
	offsetMax   = 1<<53 - 1
)

const (
	typeHello = iota + 1
	typeWelcome
	typeProof
	typeOpen
	typeData
	typeCredit
	typeEOF
	typeResize
	typeSignal
	typeExit
	typeError
	typePing
	typePong
	typeClose
	typeStarted
	typeResult
	typeOpenPart
	typeNotice
	typeConnected
)

const (
	chInput = iota
	chOutput
	chError
)

// frame is a frame as it came; payload is good until the next one is read.
type frame struct {
	kind    byte
	stream  uint32
	payload []byte
}

// readFrame reads one frame into buffer, which holds headerBytes+payloadMax.
func readFrame(from io.Reader, buffer []byte) (frame, error) {
	if _, err := io.ReadFull(from, buffer[:headerBytes]); err != nil {
		return frame{}, err
	}
	length := binary.LittleEndian.Uint32(buffer)
	if length > payloadMax {
		return frame{}, failed(badFrame, "a frame of %d bytes is too long", length)
	}
	payload := buffer[headerBytes : headerBytes+length]
	f := frame{kind: buffer[4], stream: binary.LittleEndian.Uint32(buffer[5:]), payload: payload}
	_, err := io.ReadFull(from, payload)
	return f, err
}

// onChannel reads the head of data, credit and eof.
func (f frame) onChannel() (channel int, offset uint64, bytes []byte, err error) {
	if len(f.payload) < dataHead || (f.kind != typeData && len(f.payload) != dataHead) {
		return 0, 0, nil, failed(badFrame, "a frame of type %d has %d bytes", f.kind, len(f.payload))
	}
	channel, offset = int(f.payload[0]), binary.LittleEndian.Uint64(f.payload[1:])
	if channel > chError || offset > offsetMax {
		return 0, 0, nil, failed(badFrame, "there is no channel %d, or no offset %d", channel, offset)
	}
	return channel, offset, f.payload[dataHead:], nil
}

func (f frame) size() (size, error) {
	if len(f.payload) != 4 {
		return size{}, failed(badFrame, "a size has %d bytes", len(f.payload))
	}
	return size{binary.LittleEndian.Uint16(f.payload), binary.LittleEndian.Uint16(f.payload[2:])}, nil
}

func (f frame) signal() (signal int, scope int, err error) {
	if len(f.payload) != 2 || f.payload[0] < 1 || f.payload[0] > 64 || int(f.payload[1]) >= len(signalScopes) {
		return 0, 0, failed(badFrame, "there is no such signal")
	}
	return int(f.payload[0]), int(f.payload[1]), nil
}

// link is the connection to the courier. One write at a time; whoever does not take it for writeTimeout loses the connection.
type link struct {
	conn   *os.File
	mu     sync.Mutex
	buffer [headerBytes + dataHead + payloadMax]byte
	held   int // bytes at the beginning of buffer that wait for what follows them
	timer  *time.Timer
}

const writeTimeout = 10 * time.Second

// lingerTime: of a command that ends soon, started, both eof and exit go in one piece. Each piece wakes everybody on the way to the program.
const lingerTime = 2 * time.Millisecond

func lingers(kind byte) bool { return kind == typeStarted || kind == typeEOF }

func (l *link) send(kind byte, stream uint32, payload []byte) error {
	return l.write(kind, stream, nil, payload)
}

func (l *link) sendOnChannel(kind byte, stream uint32, channel int, offset uint64, bytes []byte) error {
	var head [dataHead]byte
	head[0] = byte(channel)
	binary.LittleEndian.PutUint64(head[1:], offset)
	return l.write(kind, stream, head[:], bytes)
}

func (l *link) sendJSON(kind byte, stream uint32, body any) error {
	payload, err := json.Marshal(body)
	if err != nil || len(payload) > payloadMax {
		return l.send(typeError, stream, []byte(`{"reason":"TooLarge","message":"the answer does not fit a frame"}`))
	}
	return l.send(kind, stream, payload)
}

func (l *link) write(kind byte, stream uint32, head, payload []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held+headerBytes+len(head)+len(payload) > len(l.buffer) {
		if err := l.flush(); err != nil {
			return err
		}
	}
	at := l.buffer[l.held:]
	n := headerBytes + copy(at[headerBytes:], head)
	n += copy(at[n:], payload)
	binary.LittleEndian.PutUint32(at, uint32(n-headerBytes))
	at[4] = kind
	binary.LittleEndian.PutUint32(at[5:], stream)
	l.held += n
	if !lingers(kind) {
		return l.flush()
	}
	if l.timer == nil {
		l.timer = time.AfterFunc(lingerTime, l.release)
	}
	return nil
}

// release lets go what waits for something to follow.
func (l *link) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flush()
}

// flush writes what is held. Called with the lock.
func (l *link) flush() error {
	if l.timer != nil {
		l.timer.Stop()
		l.timer = nil
	}
	if l.held == 0 {
		return nil
	}
	l.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	_, err := l.conn.Write(l.buffer[:l.held])
	l.held = 0
	if err != nil {
		l.conn.Close() // half a frame may be on its way
	}
	return err
}
