package main

import (
	"os"
	"syscall"
	"time"
	"unsafe"
)

// No signal from inside the container may end PID 1. The kernel drops those whose action is the default one, so every action is set back to
// that, save what the Go runtime itself lives on. The signals that a container runtime may stop a container with have a handler of their own
// (signals_*.s): Go's would not say who the sender is. One outside of the container has the pid 0 in it; a process inside can claim that only
// with another si_code.

const (
	saSiginfo, saOnStack, saRestart, saRestorer = 0x4, 0x8000000, 0x10000000, 0x4000000
	firstRealtime, lastSignal                   = 34, 64
)

// stopFD is where the handler writes that it has been told to stop.
var (
	stopFD int32  = -1
	one    uint64 = 1
)

func onStopPC() uintptr
func restorePC() uintptr

type sigaction struct {
	handler  uintptr
	flags    uint64
	restorer uintptr
	mask     uint64
}

func setAction(signal syscall.Signal, action sigaction) {
	syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(signal), uintptr(unsafe.Pointer(&action)), 0, 8, 0, 0)
}

// shieldFromSignals returns a file that can be read once the container is told to stop.
func shieldFromSignals() (*os.File, error) {
	const eventfd2 = syscall.SYS_EVENTFD2
	fd, _, errno := syscall.Syscall(eventfd2, 0, syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
	if errno != 0 {
		return nil, errno
	}
	stopFD = int32(fd)
	// One at a time: whoever sends many at once would have the stack overflow.
	stop := sigaction{onStopPC(), saSiginfo | saOnStack | saRestart | saRestorer, restorePC(), ^uint64(0)}
	for signal := syscall.Signal(1); signal <= lastSignal; signal++ {
		switch signal {
		case syscall.SIGKILL, syscall.SIGSTOP, syscall.SIGURG: // the last one preempts goroutines
		case syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH:
			setAction(signal, stop)
		default:
			if signal >= firstRealtime {
				setAction(signal, stop)
			} else {
				setAction(signal, sigaction{})
			}
		}
	}
	return os.NewFile(fd, "stop"), nil
}

// awaitStop ends everybody when the kubelet ends the container.
func (d *daemon) awaitStop(stop *os.File, grace time.Duration) {
	var count [8]byte
	if _, err := stop.Read(count[:]); err != nil {
		logf("cannot be told to stop: %v", err)
		return
	}
	d.notify(notice{Event: "stopping"})
	if grace > 0 {
		syscall.Kill(-1, syscall.SIGTERM)
		syscall.Kill(-1, syscall.SIGCONT)
		waitUntilGone(grace)
	}
	d.leave(128 + int(syscall.SIGTERM))
}

// siginfo is the head of siginfo_t for signals from kill and from children, the same on amd64 and arm64.
type siginfo struct {
	signal, errno, code, _ int32
	pid                    int32
	_                      [108]byte
}

func prctl(option int, a, b uintptr) error {
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, uintptr(option), a, b, 0, 0, 0); errno != 0 {
		return errno
	}
	return nil
}
