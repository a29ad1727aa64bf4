package main

import (
	"os"
	"syscall"
	"unsafe"
)

func ioctl(fd int, request uintptr, argument unsafe.Pointer) error {
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), request, uintptr(argument)); errno != 0 {
		return errno
	}
	return nil
}

// openTerminal makes a terminal. The other end is had from the kernel and not by its path, which the container could have replaced.
func openTerminal(window size) (master, terminal *os.File, err error) {
	const unlock, getPeer = 0x40045431, 0x5441
	file, err := openIf("/dev/ptmx", syscall.S_IFCHR, syscall.O_RDWR|syscall.O_NONBLOCK|syscall.O_NOCTTY|syscall.O_CLOEXEC)
	if err != nil {
		return nil, nil, err
	}
	var peer uintptr
	err = control(file, func(fd int) error {
		var locked int32
		if err := ioctl(fd, unlock, unsafe.Pointer(&locked)); err != nil {
			return err
		}
		var errno syscall.Errno
		if peer, _, errno = syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), getPeer, syscall.O_RDWR|syscall.O_NOCTTY|syscall.O_CLOEXEC); errno != 0 {
			return errno
		}
		return nil
	})
	if err != nil {
		file.Close()
		return nil, nil, failed(notPermitted, "/dev/ptmx makes no terminal: %v", err)
	}
	resize(file, window)
	return file, os.NewFile(peer, "terminal"), nil
}

func resize(master *os.File, window size) error {
	size := [4]uint16{window.Rows, window.Columns}
	return control(master, func(fd int) error { return ioctl(fd, syscall.TIOCSWINSZ, unsafe.Pointer(&size)) })
}

// foreground is the process group that the terminal listens to.
func foreground(master *os.File) (group int32, err error) {
	err = control(master, func(fd int) error { return ioctl(fd, syscall.TIOCGPGRP, unsafe.Pointer(&group)) })
	return group, err
}

// pending is how much a pipe or terminal holds.
func pending(file *os.File) (bytes int32) {
	const bytesToRead = 0x541B
	control(file, func(fd int) error { return ioctl(fd, bytesToRead, unsafe.Pointer(&bytes)) })
	return bytes
}

func isTerminal(fd int) bool {
	var settings [64]byte
	return ioctl(fd, syscall.TCGETS, unsafe.Pointer(&settings)) == nil
}

// control uses a file's descriptor without making it a blocking one.
func control(file *os.File, use func(fd int) error) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var failure error
	err = raw.Control(func(fd uintptr) { failure = use(int(fd)) })
	if err == nil {
		err = failure
	}
	return err
}
