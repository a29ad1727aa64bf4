package main

import (
	"os"
	"path"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// clear moves away what lies there and removes it then, so that whoever writes into it is not in the way.
func clear(at string) {
	aside := path.Join(path.Dir(at), temporaryName())
	if os.Rename(at, aside) == nil {
		at = aside
	}
	os.RemoveAll(at)
}

func temporaryName() string { return ".sb-" + newNonce()[:16] }

// openParent opens the directory of a path, which leads through no link where sbd's own rights are at stake.
func openParent(file string, make bool) (dir *os.File, name string, err error) {
	parent, name := path.Split(path.Clean(file))
	if name == "" || name == "." || name == ".." || name == "/" {
		return nil, "", failed(badRequest, "%s names no file", file)
	}
	const directory = oPath | syscall.O_DIRECTORY | syscall.O_CLOEXEC
	if os.Getpid() != 1 {
		fd, err := syscall.Open(parent, directory, 0)
		if err != nil {
			return nil, "", &os.PathError{Op: "open", Path: parent, Err: err}
		}
		return os.NewFile(uintptr(fd), parent), name, nil
	}
	fd, err := syscall.Open("/", directory, 0)
	for _, part := range strings.Split(strings.Trim(parent, "/"), "/") {
		if err != nil || part == "" {
			break
		}
		above := fd
		fd, err = syscall.Openat(above, part, directory|syscall.O_NOFOLLOW, 0)
		if make && err == syscall.ENOENT {
			syscall.Mkdirat(above, part, 0o755)
			fd, err = syscall.Openat(above, part, directory|syscall.O_NOFOLLOW, 0)
		}
		syscall.Close(above)
	}
	if err != nil {
		return nil, "", &os.PathError{Op: "open", Path: parent, Err: err}
	}
	return os.NewFile(uintptr(fd), parent), name, nil
}

func createIn(dir *os.File) (*os.File, string, error) {
	name := temporaryName()
	fd, err := syscall.Openat(int(dir.Fd()), name, syscall.O_RDWR|syscall.O_CREAT|syscall.O_EXCL|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, "", &os.PathError{Op: "create", Path: dir.Name() + name, Err: err}
	}
	return os.NewFile(uintptr(fd), dir.Name()+name), name, nil
}

func rename(dir *os.File, from, to string) error {
	if err := syscall.Renameat(int(dir.Fd()), from, int(dir.Fd()), to); err != nil {
		return &os.PathError{Op: "rename", Path: dir.Name() + to, Err: err}
	}
	return nil
}

func unlink(dir *os.File, name string) { syscall.Unlinkat(int(dir.Fd()), name) }

// placeOutput makes a new file in place of whatever lies there, and opens it for the command that writes and for whoever reads along.
func placeOutput(file string) (writing, reading *os.File, err error) {
	dir, name, err := openParent(file, true)
	if err != nil {
		return nil, nil, err
	}
	defer dir.Close()
	writing, temporary, err := createIn(dir)
	if err != nil {
		return nil, nil, err
	}
	fd := strconv.Itoa(int(writing.Fd()))
	if reading, err = os.Open("/proc/self/fd/" + fd); err == nil {
		syscall.Fchmod(int(writing.Fd()), 0o644)
		if err = rename(dir, temporary, name); err != nil {
			// A directory lies there. It goes by the path that was opened, whatever leads there now.
			os.RemoveAll("/proc/self/fd/" + strconv.Itoa(int(dir.Fd())) + "/" + name)
			err = rename(dir, temporary, name)
		}
	}
	if err != nil {
		unlink(dir, temporary)
		writing.Close()
		if reading != nil {
			reading.Close()
		}
		return nil, nil, err
	}
	return writing, reading, nil
}

// follower copies a file to the container's own log as it grows.
type follower struct {
	from *os.File
	to   int
}

func (f follower) follow(end <-chan struct{}) {
	defer f.from.Close()
	for over := false; !over; {
		select {
		case <-end:
			over = true
		case <-time.After(time.Second):
		}
		inKernel(func() error { return f.copy() })
	}
}

func (f follower) copy() error {
	buffer := make([]byte, 32<<10)
	for {
		n, err := f.from.Read(buffer)
		for done := 0; done < n; {
			written, err := syscall.Write(f.to, buffer[done:n])
			if err != nil && err != syscall.EINTR {
				return err
			}
			done += max(written, 0)
		}
		if err != nil {
			return err
		}
	}
}
