package main

import (
	"errors"
	"io"
	"os"
	"sync"
	"syscall"
	"time"
)

// streams are the two ends of what a command reads and writes.
type streams struct {
	theirs [3]*os.File
	ours   [3]*os.File // nil where its output goes elsewhere
	master *os.File
	logs   []follower
}

func openStreams(r *request, id identity) (*streams, error) {
	s := &streams{}
	if err := s.open(r, id); err != nil {
		s.closeTheirs()
		s.closeOurs()
		return nil, err
	}
	return s, nil
}

func (s *streams) open(r *request, id identity) (err error) {
	if r.Pty != nil {
		master, terminal, err := openTerminal(*r.Pty)
		if err != nil {
			return err
		}
		s.master, s.ours[chOutput] = master, master
		s.theirs = [3]*os.File{terminal, terminal, terminal}
		return nil
	}
	if r.Stdin {
		if s.theirs[chInput], s.ours[chInput], err = os.Pipe(); err != nil {
			return err
		}
	} else if s.theirs[chInput], err = openIf("/dev/null", syscall.S_IFCHR, syscall.O_RDWR|syscall.O_CLOEXEC); err != nil {
		// An image without /dev/null: a pipe that nobody writes to.
		var nobody *os.File
		if s.theirs[chInput], nobody, err = os.Pipe(); err != nil {
			return err
		}
		nobody.Close()
	}
	if err := s.openSink(chOutput, r.Stdout); err != nil {
		return err
	}
	return s.openSink(chError, r.Stderr)
}

func (s *streams) openSink(channel int, to sink) (err error) {
	switch to.kind {
	case "", "stream":
		s.ours[channel], s.theirs[channel], err = os.Pipe()
	case "null":
		s.theirs[channel], err = openIf("/dev/null", syscall.S_IFCHR, syscall.O_RDWR|syscall.O_CLOEXEC)
	case "stdout":
		if channel == chOutput {
			return failed(badRequest, "stdout goes where it says, not where it goes")
		}
		s.theirs[channel] = s.theirs[chOutput]
	case "log":
		s.theirs[channel], err = duplicate(channel)
	case "file":
		var reading *os.File
		if s.theirs[channel], reading, err = placeOutput(to.file); err == nil {
			s.logs = append(s.logs, follower{from: reading, to: channel})
		}
	}
	return err
}

func duplicate(fd int) (*os.File, error) {
	const duplicateCloseOnExec = 1030
	copied, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), duplicateCloseOnExec, 3)
	if errno != 0 {
		return nil, errno
	}
	return os.NewFile(copied, "log"), nil
}

func (s *streams) closeTheirs() {
	for _, file := range s.theirs {
		if file != nil {
			file.Close()
		}
	}
}

func (s *streams) closeOurs() {
	for _, file := range s.ours {
		if file != nil {
			file.Close()
		}
	}
	for _, log := range s.logs {
		log.from.Close()
	}
}

// take makes outlets of what the command writes, and an inbox of what it reads.
func (c *command) take(t *commands, io *streams, r *request) {
	for _, channel := range []int{chOutput, chError} {
		if io.ours[channel] != nil {
			c.attached[channel] = newOutlet(channel)
		}
	}
	input := io.ours[chInput]
	if io.master != nil && r.Stdin {
		input = io.master
	}
	if input != nil {
		c.inbox = newInbox(stdinWindow)
		go c.feed(input)
	}
	c.streams(t, io)
}

// streams runs what belongs to a command until it has ended.
func (c *command) streams(t *commands, io *streams) {
	go func() {
		leader := make(chan struct{})
		var pumps sync.WaitGroup
		for channel, file := range io.ours {
			if channel != chInput && file != nil {
				pumps.Go(func() { c.pump(file, c.attached[channel], leader) })
			}
		}
		for _, log := range io.logs {
			pumps.Go(func() { log.follow(leader) })
		}
		before := oomKills()
		status := <-c.exit
		if c.inbox != nil {
			c.inbox.refuse()
		}
		close(leader)
		pumps.Wait()
		c.endings.Wait()
		if c.finish(status, oomKills()-before) {
			t.release(c)
		}
	}()
}

// pump reads a command's output. When the leader has ended, others may still hold the pipe: what lies in it is read, and what comes within a
// second. After that it is read to nowhere, so that whoever was left running is not ended by a pipe that nobody reads.
func (c *command) pump(file *os.File, to *outlet, leader <-chan struct{}) {
	stop := make(chan struct{})
	go func() {
		select {
		case <-leader:
			file.SetReadDeadline(time.Now().Add(drainTime))
		case <-stop:
		}
	}()
	owed := int64(-1)
	for {
		n, err := to.fill(func(space []byte) (int, error) { return file.Read(space) })
		if errors.Is(err, os.ErrDeadlineExceeded) {
			if owed < 0 {
				owed = int64(pending(file))
			}
			if owed > 0 {
				n, err = to.fill(func(space []byte) (int, error) { return readNow(file, space[:min(int64(len(space)), owed)]) })
				owed -= int64(n)
			}
			if owed <= 0 {
				break
			}
		}
		if err != nil {
			break
		}
	}
	close(stop)
	to.end()
	if file == c.master {
		return // closed when the command is forgotten or its input has ended
	}
	file.SetReadDeadline(time.Time{})
	go discard(file)
}

// readNow reads what is there, without regard to a deadline that is over.
func readNow(file *os.File, space []byte) (n int, err error) {
	failure := control(file, func(fd int) error {
		n, err = syscall.Read(fd, space)
		return nil
	})
	if failure != nil || n < 0 {
		return 0, io.EOF
	}
	if n == 0 && err == nil {
		err = io.EOF
	}
	return n, err
}

func discard(file *os.File) {
	defer file.Close()
	var nowhere [512]byte
	for {
		if _, err := file.Read(nowhere[:]); err != nil {
			return
		}
	}
}

// feed writes to a command what the courier sends.
func (c *command) feed(to *os.File) {
	buffer := make([]byte, 16<<10)
	for {
		n, err := c.inbox.Read(buffer)
		if err == nil {
			_, err = to.Write(buffer[:n])
		}
		if err == nil {
			continue
		}
		if to == c.master {
			if err == io.EOF {
				to.Write([]byte{4}) // what ^D says
			}
		} else {
			to.Close()
		}
		c.inbox.refuse()
		return
	}
}
