package main

import (
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
	guest    bool // of somebody who has entered

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
	c := &command{id: r.ID, identity: id, done: make(chan struct{}), ending: ending{"session", 5000}, guest: r.Guest}
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
	if c.helper = t.direct(b, io.theirs[:], r.Pty != nil); c.helper == nil {
		if c.helper, err = t.spawn("become", b, io.theirs[:], attr); err == nil {
			err = c.became()
		}
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
