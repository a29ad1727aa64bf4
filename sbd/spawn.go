package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

// children are the processes that sbd has started itself and that nobody has waited for yet. Every other child is an orphan.
type children struct {
	forking sync.Mutex // held while one is made, which somebody in the container may halt: nothing else waits for it but the next one and orphans
	mu      sync.Mutex
	exits   map[int]chan syscall.WaitStatus
	forked  chan struct{}
}

// spawn starts sbd anew as a helper. spec is what it reads, report what it says: nothing where it became what it was to become.
// files are its descriptors from 5 on.
func (c *children) spawn(mode string, spec any, files []*os.File, attr *syscall.SysProcAttr) (*helper, error) {
	text, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	specRead, specWrite, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer specRead.Close()
	reportRead, reportWrite, err := os.Pipe()
	if err != nil {
		specWrite.Close()
		return nil, err
	}
	defer reportWrite.Close()
	null, err := os.OpenFile("/dev/null", os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		null = specRead // an image without /dev/null: what it reads is at its end soon
	} else {
		defer null.Close()
	}
	descriptors := []uintptr{null.Fd(), null.Fd(), 2, specRead.Fd(), reportWrite.Fd()}
	for _, file := range files {
		descriptors = append(descriptors, file.Fd())
	}
	// One thread: what it does is not much, and a Pod may have few processes left.
	h, err := c.fork("/proc/self/exe", []string{"sbd", mode}, &syscall.ProcAttr{
		Dir: "/", Env: []string{"GOMAXPROCS=1", "GOTRACEBACK=none"}, Files: descriptors, Sys: attr,
	})
	if err != nil {
		specWrite.Close()
		reportRead.Close()
		return nil, err
	}
	h.report = reportRead
	go func() {
		io.Copy(specWrite, bytes.NewReader(text))
		specWrite.Close()
	}()
	return h, nil
}

// fork makes a child, which somebody in the container may halt before it is made.
func (c *children) fork(path string, argv []string, attr *syscall.ProcAttr) (*helper, error) {
	h := &helper{children: c, exit: make(chan syscall.WaitStatus, 1)}
	c.forking.Lock()
	made := make(chan struct{})
	// Not before its turn: two who halt everybody would each take the other's halt for what was there before.
	stuck := time.AfterFunc(time.Second, func() { awakenFork(made) })
	var err error
	h.pid, err = syscall.ForkExec(path, argv, attr)
	close(made)
	if err == nil {
		c.mu.Lock()
		c.exits[h.pid] = h.exit
		c.mu.Unlock()
	}
	c.forking.Unlock()
	stuck.Stop()
	if err != nil {
		return nil, err
	}
	select {
	case c.forked <- struct{}{}:
	default:
	}
	return h, nil
}

// helper is a process that sbd has started.
type helper struct {
	*children
	pid    int
	exit   chan syscall.WaitStatus
	report *os.File // nil where it is the command from the beginning
}

// kill sends a signal, and never to a process that has got the number of one that has ended.
func (h *helper) kill(signal syscall.Signal) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.exits[h.pid] == nil {
		return os.ErrProcessDone
	}
	return syscall.Kill(h.pid, signal)
}

// alive is true until somebody has waited for it.
func (h *helper) alive() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.exits[h.pid] != nil
}

const becomeTime = 20 * time.Second

// outcome waits for what the helper says, and lets one go on that somebody has halted. Nothing said is no failure.
func (h *helper) outcome(within time.Duration) ([]byte, error) {
	defer h.report.Close()
	awake := time.NewTicker(200 * time.Millisecond)
	defer awake.Stop()
	done := make(chan struct{})
	defer close(done)
	go func() {
		for {
			select {
			case <-awake.C:
				h.kill(syscall.SIGCONT)
			case <-done:
				return
			}
		}
	}()
	if within > 0 {
		h.report.SetReadDeadline(time.Now().Add(within))
	}
	text, err := io.ReadAll(io.LimitReader(h.report, payloadMax))
	if err != nil {
		h.kill(syscall.SIGKILL)
		return nil, failed(killed, "the process did not become the command within %v", within)
	}
	return text, nil
}

// reap waits for all children, orphans included.
func (c *children) reap() {
	for {
		var info siginfo
		const everyChild, exited, noWait = 0, 4, 0x01000000
		_, _, errno := syscall.Syscall6(syscall.SYS_WAITID, everyChild, 0, uintptr(unsafe.Pointer(&info)), exited|noWait, 0, 0)
		if errno == syscall.ECHILD {
			select {
			case <-c.forked:
			case <-time.After(time.Second): // who entered the container from outside leaves orphans as well
			}
		}
		if errno != 0 {
			continue
		}
		c.mu.Lock()
		known := c.exits[int(info.pid)] != nil
		c.mu.Unlock()
		if !known {
			// It may be the one that is being made.
			c.forking.Lock()
			c.forking.Unlock()
		}
		// With the lock: a number is given away no sooner than it is taken from the table.
		c.mu.Lock()
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(int(info.pid), &status, syscall.WNOHANG, nil)
		if exit := c.exits[pid]; err == nil && exit != nil {
			delete(c.exits, pid)
			exit <- status
		}
		c.mu.Unlock()
	}
}
