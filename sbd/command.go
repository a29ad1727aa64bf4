package main

import (
	"errors"
	"io"
	"os"
	"sort"
	"strings"
	"sync"
	"syscall"
	"time"
)

// command is a program that the courier has started. It belongs to the container: a connection only attaches to it.
type command struct {
	id       string
	identity identity
	*helper
	attached [3]*outlet // by channel; nil where its output goes elsewhere, and for input
	inbox    *inbox
	master   *os.File // of its terminal
	ending   ending

	mu       sync.Mutex
	link     *link
	stream   uint32
	ended    *exit
	timedOut bool
	unwanted bool           // nobody wants to know how it ends
	endings  sync.WaitGroup // those who are ending what belongs to it
	done     chan struct{}  // closed when it has ended
}

type commands struct {
	children
	mu       sync.Mutex
	all      map[string]*command // nil while it starts
	marked   map[processKey]bool // who was there before the first command that marks
	halted   map[int]bool        // who was halted already when everybody was
	isMarked bool
}

func newCommands() *commands {
	return &commands{
		children: children{exits: map[int]chan syscall.WaitStatus{}, forked: make(chan struct{}, 1)},
		all:      map[string]*command{},
	}
}

func isName(id string) bool {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
	return len(id) > 0 && len(id) <= 64 && strings.Trim(id, letters) == ""
}

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
	}
	if r.Op == "run" && r.TimeoutMs > 0 {
		go c.limit(s.commands, time.Duration(r.TimeoutMs)*time.Millisecond)
	}
}

func (t *commands) find(id string) (*command, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.all[id]; c != nil {
		return c, nil
	}
	return nil, failed(commandMissing, "there is no command %s", id)
}

func (t *commands) list() []commandState {
	t.mu.Lock()
	defer t.mu.Unlock()
	states := []commandState{}
	for id, c := range t.all {
		if c != nil {
			states = append(states, commandState{id, c.pid, c.running()})
		}
	}
	sort.Slice(states, func(a, b int) bool { return states[a].ID < states[b].ID })
	return states
}

func (c *command) running() bool {
	select {
	case <-c.done:
		return false
	default:
		return true
	}
}

// reserve takes a name for a command that is about to start.
func (t *commands) reserve(id string) error {
	if !isName(id) {
		return failed(badRequest, "%q cannot name a command", id)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, taken := t.all[id]; taken {
		return failed(commandExists, "there is a command %s already", id)
	}
	if len(t.all) >= commandsMax {
		return failed(tooManyCommands, "%d commands are there", commandsMax)
	}
	t.all[id] = nil
	return nil
}

func (t *commands) forget(id string) {
	t.mu.Lock()
	delete(t.all, id)
	t.mu.Unlock()
}

// check says as whom a command would run, or why it could not.
func (s *session) check(r *request) (identity, error) {
	id, err := resolveUser(r.User, "/etc")
	if err != nil {
		return id, err
	}
	// It would read secrets and tests, and speak in the courier's name.
	if s.courierUID != 0 && uint32(id.UID) == s.courierUID {
		return id, failed(userForbidden, "user %d is the courier's own", id.UID)
	}
	if info, err := os.Stat(r.workdir()); err != nil || !info.IsDir() {
		return id, failed(workdirMissing, "the image has no directory %s", r.workdir())
	}
	if r.Interpreter != "" && !isExecutable(r.Interpreter) {
		return id, failed(interpreterMissing, "the image has no interpreter %s", r.Interpreter)
	}
	return id, nil
}

func (r *request) workdir() string {
	if r.Workdir == "" {
		return "/"
	}
	return r.Workdir
}

func isExecutable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// start starts a command that nobody reads yet.
func (s *session) start(r *request) (*command, error) {
	if err := s.commands.reserve(r.ID); err != nil {
		return nil, err
	}
	c, err := s.commands.launch(s, r)
	s.commands.mu.Lock()
	defer s.commands.mu.Unlock()
	if err != nil {
		delete(s.commands.all, r.ID)
		return nil, err
	}
	s.commands.all[r.ID] = c
	return c, nil
}

func (t *commands) launch(s *session, r *request) (*command, error) {
	id, err := s.check(r)
	if err != nil {
		return nil, err
	}
	b, err := r.becoming(id)
	if err != nil {
		return nil, err
	}
	c := &command{id: r.ID, identity: id, done: make(chan struct{}), ending: ending{"session", 5000}}
	if r.Ending != nil {
		c.ending = *r.Ending
	}
	if err := c.ending.valid(); err != nil {
		return nil, err
	}
	io, err := openStreams(r, id)
	if err != nil {
		return nil, err
	}
	defer io.closeTheirs()
	attr := &syscall.SysProcAttr{Setsid: true}
	if r.Pty != nil {
		attr.Setctty, attr.Ctty = true, stdinFD
	}
	if r.Marks {
		t.mark()
	}
	if c.helper, err = t.spawn("become", b, io.theirs[:], attr); err == nil {
		err = c.became()
	}
	if err != nil {
		io.closeOurs()
		return nil, err
	}
	c.master = io.master
	c.take(t, io, r)
	return c, nil
}

// became waits until the helper is the command. It says a dot just before, and after it why it could not.
func (c *command) became() error {
	said, err := c.outcome(becomeTime)
	if err != nil || string(said) == "." {
		return err
	}
	if len(said) > 0 {
		var f failure
		if err := strict(said[1:], &f); err != nil {
			return err
		}
		return &f
	}
	// A Go program that gets no threads ends with 2.
	if status := <-c.exit; status.Exited() && status.ExitStatus() == 2 {
		return failed(tooManyProcesses, "the process had no room to become the command")
	}
	return failed(killed, "the process was killed before it became the command")
}

func (r *request) becoming(id identity) (*becoming, error) {
	argv := r.Argv
	for _, launcher := range r.Launchers {
		if len(launcher) > 0 && isExecutable(launcher[0]) {
			argv = append(append([]string{}, launcher...), argv...)
			break
		}
	}
	if len(argv) == 0 || argv[0] == "" || len(argv) > 1<<16 {
		return nil, failed(badRequest, "a command needs a program")
	}
	for _, word := range append([]string{r.Name, r.Workdir}, argv...) {
		if strings.Contains(word, "\x00") {
			return nil, failed(badRequest, "an argument holds a zero")
		}
	}
	own := os.Environ()
	if r.CleanEnv {
		own = nil
	}
	env, err := environment(own, id.Home, r.Env)
	if err != nil {
		return nil, err
	}
	drop, err := capabilities(r.DropCapabilities)
	if err != nil {
		return nil, err
	}
	for name := range r.Limits {
		if _, known := limitNumbers[name]; !known {
			return nil, failed(badRequest, "there is no limit %q", name)
		}
	}
	umask := 0o022
	if r.Umask != nil {
		umask = *r.Umask & 0o777
	}
	return &becoming{
		Argv: argv, Name: r.Name, Env: env, Workdir: r.workdir(), UID: id.UID, GID: id.GID, Groups: id.more, SetIDs: id.differs(r.User),
		Umask: umask, Limits: r.Limits, NoNewPrivileges: r.NoNewPrivileges, Drop: drop,
	}, nil
}

func (e ending) valid() error {
	if (e.Scope != "family" && e.Scope != "session" && e.Scope != "strict") || e.GraceMs < 0 || e.GraceMs > 600_000 {
		return failed(badRequest, "nobody can be ended like that: %q within %d ms", e.Scope, e.GraceMs)
	}
	return nil
}

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
	for channel, to := range map[int]sink{chOutput: r.Stdout, chError: r.Stderr} {
		if err := s.openSink(channel, to); err != nil {
			return err
		}
	}
	return nil
}

func (s *streams) openSink(channel int, to sink) (err error) {
	switch to.kind {
	case "", "stream":
		s.ours[channel], s.theirs[channel], err = os.Pipe()
	case "null":
		s.theirs[channel], err = openIf("/dev/null", syscall.S_IFCHR, syscall.O_RDWR|syscall.O_CLOEXEC)
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
		c.inbox = newInbox()
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

// limit ends a command at its timeout.
func (c *command) limit(t *commands, after time.Duration) {
	select {
	case <-c.done:
	case <-time.After(after):
		c.mu.Lock()
		c.timedOut = c.alive()
		c.mu.Unlock()
		if c.timedOut {
			t.endCommand(c, c.ending)
		}
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
	over := c.ended != nil
	c.unwanted = c.unwanted || (mine && closed)
	c.mu.Unlock()
	if !mine {
		return
	}
	for _, o := range c.attached {
		if o != nil && closed {
			o.drop(failed(cancelled, "nobody reads it any more"))
		} else if o != nil {
			o.detach(v.session.link)
		}
	}
	if closed && over {
		v.session.commands.release(c)
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
