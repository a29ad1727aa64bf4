package main

import (
	"syscall"
	"time"
)

func (s *session) beginCommand(id uint32, r *request) {
	var c *command
	var err error
	if r.Op == "attach" {
		c, err = s.commands.find(r.ID)
	} else {
		c, err = s.start(r)
	}
	if err != nil {
		s.fail(id, err)
		return
	}
	view := &commandStream{session: s, command: c, id: id}
	if s.become(id, view) {
		c.attach(s.link, id, r)
	} else if r.Op == "run" && !s.isOver() {
		c.abandon(s.commands) // closed before it had started
	}
	if r.Op == "run" && r.TimeoutMs > 0 {
		go c.limit(s.commands, time.Duration(r.TimeoutMs)*time.Millisecond)
	}
}

// finish says how the command ended; true where nobody wants to know.
func (c *command) finish(status syscall.WaitStatus, oomKilled int) bool {
	e := &exit{OOMKills: max(oomKilled, 0)}
	if status.Signaled() {
		signal := int(status.Signal())
		e.Signal = &signal
	} else {
		code := status.ExitStatus()
		e.Code = &code
	}
	for channel, total := range map[int]*uint64{chOutput: &e.Output, chError: &e.Error} {
		if o := c.attached[channel]; o != nil {
			*total = o.total()
		}
	}
	if c.master != nil {
		c.master.Close()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	e.TimedOut = c.timedOut
	c.ended = e
	close(c.done)
	c.sayExit()
	return c.unwanted
}

func (c *command) sayExit() {
	if c.ended != nil && c.link != nil {
		c.link.sendJSON(typeExit, c.stream, c.ended)
	}
}

// attach puts a stream in the place of the one that was attached before.
func (c *command) attach(l *link, stream uint32, r *request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link != nil {
		c.link.sendJSON(typeError, c.stream, failed(cancelled, "another stream has attached to the command"))
	}
	c.link, c.stream = l, stream
	begun := started{identity: c.identity, PID: c.pid}
	from := [3]uint64{}
	for channel, wanted := range map[int]*uint64{chOutput: r.Output, chError: r.Error} {
		o := c.attached[channel]
		if o == nil {
			continue
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		from[channel] = o.kept()
		if wanted != nil {
			from[channel] = min(max(*wanted, o.kept()), o.head)
		}
	}
	begun.Output, begun.Error = from[chOutput], from[chError]
	if c.inbox != nil {
		c.inbox.attach(l, stream)
		begun.Input = c.inbox.received
	}
	l.sendJSON(typeStarted, stream, begun)
	for channel, o := range c.attached {
		if o != nil {
			o.attach(l, stream, from[channel])
		}
	}
	c.sayExit()
	if c.inbox != nil {
		l.release() // whoever has input waits for the word
	}
}

// commandStream is a stream that is attached to a command.
type commandStream struct {
	session *session
	command *command
	id      uint32
}

func (v *commandStream) receive(f frame) error {
	c := v.command
	switch f.kind {
	case typeData, typeCredit, typeEOF:
		channel, offset, bytes, _ := f.onChannel()
		return c.onChannel(f.kind, channel, offset, bytes)
	case typeSignal:
		signal, scope, _ := f.signal()
		return c.signal(syscall.Signal(signal), scope)
	case typeResize:
		window, _ := f.size()
		if c.master == nil {
			return failed(badRequest, "the command has no terminal")
		}
		if c.running() {
			resize(c.master, window)
		}
	}
	return nil
}

func (c *command) onChannel(kind byte, channel int, offset uint64, bytes []byte) error {
	if channel == chInput {
		switch {
		case c.inbox == nil:
			return failed(badRequest, "the command reads nothing")
		case kind == typeEOF:
			c.inbox.close(nil)
		case kind == typeData:
			return c.inbox.put(offset, bytes)
		}
		return nil
	}
	if o := c.attached[channel]; o != nil && kind == typeCredit {
		o.credit(offset)
	}
	return nil
}

func (c *command) signal(signal syscall.Signal, scope int) error {
	switch scope {
	case toSession:
		for _, p := range everybody() {
			if p.session == c.pid {
				syscall.Kill(p.pid, signal)
			}
		}
	case toForeground:
		if c.master == nil {
			return failed(badRequest, "the command has no terminal")
		}
		if group, err := foreground(c.master); err == nil && group > 1 {
			syscall.Kill(-int(group), signal)
		}
	default:
		c.kill(signal) // it may have ended: then there is nobody to tell
	}
	return nil
}

func (v *commandStream) drop(closed bool) {
	c := v.command
	c.mu.Lock()
	mine := c.link == v.session.link && c.stream == v.id
	if mine {
		c.link = nil
	}
	c.mu.Unlock()
	if mine && closed {
		c.abandon(v.session.commands)
	} else if mine {
		for _, o := range c.attached {
			if o != nil {
				o.detach(v.session.link)
			}
		}
	}
}

// abandon lets a command go on whose output and end nobody wants to know.
func (c *command) abandon(t *commands) {
	c.mu.Lock()
	c.unwanted = true
	over := c.ended != nil
	c.mu.Unlock()
	for _, o := range c.attached {
		if o != nil {
			o.drop(failed(cancelled, "nobody reads it any more"))
		}
	}
	if over {
		t.release(c)
	}
}

// release forgets a command, and gives back what it holds.
func (t *commands) release(c *command) {
	t.forget(c.id)
	for _, o := range c.attached {
		if o != nil {
			o.drop(failed(cancelled, "the command is forgotten"))
		}
	}
}
