package main

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"syscall"
	"time"
)

// dialForEver keeps a connection to the courier, whose container the kubelet may start later than this one, and again.
func dialForEver(socket string, d *daemon) {
	for pause := 5 * time.Millisecond; ; time.Sleep(pause) {
		conn, err := dial(socket)
		if err != nil {
			pause = min(pause*5/4, 250*time.Millisecond)
			continue
		}
		err = d.converse(&link{conn: conn})
		conn.Close()
		pause = 20 * time.Millisecond
		if err != nil && !errors.Is(err, io.EOF) {
			logf("the connection to the courier ended: %v", err)
		}
	}
}

func dial(socket string) (*os.File, error) {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err = syscall.Connect(fd, &syscall.SockaddrUnix{Name: socket}); err == nil {
		err = syscall.SetNonblock(fd, true) // so that waiting for it takes no thread
	}
	if err != nil {
		syscall.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), socket), nil
}

const greetingTime = 10 * time.Second

// greet proves to the courier that it is who it was before, and has the courier prove the same.
func (d *daemon) greet(l *link, from io.Reader, buffer []byte) error {
	l.conn.SetReadDeadline(time.Now().Add(greetingTime))
	defer l.conn.SetReadDeadline(time.Time{})
	own := newNonce()
	if err := l.sendJSON(typeHello, 0, hello{protocolMajor, protocolMinor, version, own, d.secret != nil}); err != nil {
		return err
	}
	f, err := readFrame(from, buffer)
	if err != nil {
		return err
	}
	if f.kind == typeError {
		return failed(notProven, "the courier refuses: %.200s", f.payload)
	}
	w, err := readWelcome(f)
	if err != nil {
		return err
	}
	if d.secret == nil {
		if d.secret, err = hex.DecodeString(w.Secret); err != nil || len(d.secret) != 32 {
			d.secret = nil
			return failed(notProven, "the courier gave no secret")
		}
	} else if !hmac.Equal([]byte(w.Proof), []byte(proofOf("courier", d.secret, own, w.Nonce))) {
		return failed(notProven, "the courier does not know the secret")
	}
	d.courierUID = w.CourierUID
	return l.sendJSON(typeProof, 0, proof{proofOf("sbd", d.secret, own, w.Nonce)})
}

func readWelcome(f frame) (w welcome, err error) {
	if f.kind != typeWelcome {
		return w, failed(badFrame, "the first frame is of type %d", f.kind)
	}
	if err := json.Unmarshal(f.payload, &w); err != nil {
		return w, failed(badFrame, "the welcome is not understood: %v", err)
	}
	if w.Major != protocolMajor {
		return w, failed(unsupportedVersion, "the courier speaks version %d of the protocol, sbd %s speaks version %d", w.Major, version, protocolMajor)
	}
	if nonce, err := hex.DecodeString(w.Nonce); err != nil || len(nonce) != 32 {
		return w, failed(badFrame, "the nonce is none")
	}
	return w, nil
}

func newNonce() string {
	var bytes [32]byte
	rand.Read(bytes[:])
	return hex.EncodeToString(bytes[:])
}

func proofOf(who string, secret []byte, sbd, courier string) string {
	mac := hmac.New(sha256.New, secret)
	io.WriteString(mac, who+" "+sbd+" "+courier)
	return hex.EncodeToString(mac.Sum(nil))
}
