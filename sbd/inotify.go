package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// happening is one event as the kernel tells it. A name is missing where it is about what is watched itself.
type happening struct {
	wd     int32
	mask   uint32
	cookie uint32
	name   string
}

func (h happening) is(mask uint32) bool { return h.mask&mask != 0 }
func (h happening) isFolder() bool      { return h.is(syscall.IN_ISDIR) }

const happeningHead = 16

// happenings cuts what was read from the kernel's queue.
func happenings(raw []byte) (all []happening) {
	for len(raw) >= happeningHead {
		length := binary.LittleEndian.Uint32(raw[12:])
		if uint64(length) > uint64(len(raw)-happeningHead) {
			break
		}
		name, _, _ := bytes.Cut(raw[happeningHead:happeningHead+length], []byte{0})
		all = append(all, happening{
			wd: int32(binary.LittleEndian.Uint32(raw)), mask: binary.LittleEndian.Uint32(raw[4:]), cookie: binary.LittleEndian.Uint32(raw[8:]),
			name: string(name),
		})
		raw = raw[happeningHead+length:]
	}
	return all
}

// kernelQueue is an inotify instance. It holds 16,384 events by default, and says so where more were lost.
type kernelQueue struct {
	file   *os.File
	fd     int
	buffer [128 << 10]byte
}

func openKernelQueue() (*kernelQueue, error) {
	fd, err := syscall.InotifyInit1(syscall.IN_NONBLOCK | syscall.IN_CLOEXEC)
	if err == syscall.EMFILE || err == syscall.ENFILE {
		return nil, failed(tooManyWatches, "the kernel lets the user watch no more: %v", err)
	}
	if err != nil {
		return nil, err
	}
	return &kernelQueue{file: os.NewFile(uintptr(fd), "inotify"), fd: fd}, nil
}

// wait returns what has happened, and in how many bytes; nothing where it takes longer. A file that moves is told twice, and a reader of the
// queue may come in between: then the rest is waited for.
func (q *kernelQueue) wait(within time.Duration) (all []happening, bytes int, err error) {
	bytes, err = q.read(q.buffer[:len(q.buffer)/2], within)
	all = happenings(q.buffer[:bytes])
	if err == nil && isTorn(all) {
		var more int
		more, err = q.read(q.buffer[bytes:], tornTime)
		bytes += more
		all = happenings(q.buffer[:bytes])
	}
	return all, bytes, err
}

const tornTime = 2 * time.Millisecond

func (q *kernelQueue) read(into []byte, within time.Duration) (int, error) {
	q.file.SetReadDeadline(time.Now().Add(within))
	n, err := q.file.Read(into)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = nil
	}
	return max(n, 0), err
}

// waiting is how many bytes of events have not been read yet.
func (q *kernelQueue) waiting() int {
	var bytes int32
	const howMany = 0x541b // FIONREAD
	syscall.Syscall(syscall.SYS_IOCTL, uintptr(q.fd), howMany, uintptr(unsafe.Pointer(&bytes)))
	return int(bytes)
}

func isTorn(all []happening) bool {
	open := map[uint32]bool{}
	for _, h := range all {
		if h.is(syscall.IN_MOVED_FROM) {
			open[h.cookie] = true
		} else if h.is(syscall.IN_MOVED_TO) {
			delete(open, h.cookie)
		}
	}
	return len(open) > 0
}

const (
	watchedInFolder = syscall.IN_CREATE | syscall.IN_DELETE | syscall.IN_MODIFY | syscall.IN_MOVED_FROM | syscall.IN_MOVED_TO | watchedOfItself
	watchedOfItself = syscall.IN_ATTRIB | syscall.IN_DELETE_SELF | syscall.IN_MOVE_SELF
	watchedOfFile   = syscall.IN_MODIFY | watchedOfItself
)

// add watches what fd is, whatever its path leads to by now. The kernel refuses it to whoever may not read that.
func (q *kernelQueue) add(fd int, mask uint32) (int32, error) {
	wd, err := syscall.InotifyAddWatch(q.fd, ofDescriptor(fd), mask|syscall.IN_EXCL_UNLINK)
	if err == syscall.ENOSPC {
		err = failed(tooManyWatches, "the kernel lets the user watch no more folders")
	}
	return int32(wd), err
}

func (q *kernelQueue) remove(wd int32) { syscall.InotifyRmWatch(q.fd, uint32(wd)) }

func ofDescriptor(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

// fileID is a file and not only its path.
type fileID struct{ device, inode uint64 }

func idOf(fd int) (fileID, uint32, error) {
	var stat syscall.Stat_t
	err := syscall.Fstat(fd, &stat)
	return fileID{stat.Dev, stat.Ino}, stat.Mode & syscall.S_IFMT, err
}

const (
	mayRead   = 4
	maySearch = 1
)

// may asks for the rights of the process, without opening what fd is.
func may(fd int, mode uint32) bool {
	return syscall.Faccessat(atFDCWD, ofDescriptor(fd), mode, 0) == nil
}

// descend opens the folder at the end of a way that leads through no link.
func descend(from int, names []string) (int, error) {
	at, err := syscall.Dup(from)
	for _, name := range names {
		if err != nil {
			break
		}
		above := at
		at, err = syscall.Openat(above, name, lookAt|syscall.O_DIRECTORY, 0)
		syscall.Close(above)
	}
	if err != nil {
		return -1, err
	}
	return at, nil
}

// openPlace looks at a path. Where links may not be on it, not even its end is one that is followed.
func openPlace(path string, links bool) (int, error) {
	if links {
		return syscall.Open(path, oPath|syscall.O_CLOEXEC, 0)
	}
	top, err := syscall.Open("/", oPath|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	defer syscall.Close(top)
	names := strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
	if len(names) == 0 {
		return syscall.Dup(top)
	}
	above, err := descend(top, names[:len(names)-1])
	if err != nil {
		return -1, err
	}
	defer syscall.Close(above)
	return syscall.Openat(above, names[len(names)-1], lookAt, 0)
}

const lookAt = oPath | syscall.O_NOFOLLOW | syscall.O_CLOEXEC

// isGone: what was there a moment before is there no more, or is something else.
func isGone(err error) bool {
	return errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ELOOP)
}
