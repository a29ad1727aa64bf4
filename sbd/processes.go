package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is what /proc/<pid>/stat says of one.
type process struct {
	pid, parent, session int
	threads              int
	state                byte
	start                uint64
}

// processKey is a process and not only its number.
type processKey struct {
	pid   int
	start uint64
}

func (p process) key() processKey { return processKey{p.pid, p.start} }
func (p process) stopped() bool   { return p.state == 'T' || p.state == 't' }
func (p process) dead() bool      { return p.state == 'Z' || p.state == 'X' }

// everybody lists who lives in the container beside sbd, those in PID namespaces below included. The dead who wait for their parent are not.
func everybody() []process {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	all := make([]process, 0, len(names))
	var buffer [1024]byte
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || pid == 1 {
			continue
		}
		if p, ok := readStat(pid, buffer[:]); ok && !p.dead() {
			all = append(all, p)
		}
	}
	return all
}

func readStat(pid int, buffer []byte) (p process, ok bool) {
	fd, err := syscall.Open("/proc/"+strconv.Itoa(pid)+"/stat", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return p, false
	}
	defer syscall.Close(fd)
	n, err := syscall.Read(fd, buffer)
	if err != nil || n <= 0 {
		return p, false
	}
	if p, ok = parseStat(pid, buffer[:n]); ok && p.dead() && p.threads > 1 {
		p.state = threadState(pid)
	}
	return p, ok
}

// threadState looks at the other threads of a process whose first one has ended, which would hide it otherwise.
func threadState(pid int) byte {
	dir, err := os.Open("/proc/" + strconv.Itoa(pid) + "/task")
	if err != nil {
		return 'X'
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(64)
	for _, name := range names {
		text, err := os.ReadFile(dir.Name() + "/" + name + "/stat")
		if p, ok := parseStat(pid, text); err == nil && ok && !p.dead() {
			return p.state
		}
	}
	return 'X'
}

// parseStat: a name may hold spaces, brackets and newlines; what follows its last bracket does not.
func parseStat(pid int, line []byte) (p process, ok bool) {
	fields := strings.Fields(string(line[bytes.LastIndexByte(line, ')')+1:]))
	if len(fields) < 20 {
		return p, false
	}
	number := func(index int) uint64 {
		value, _ := strconv.ParseUint(fields[index], 10, 64)
		return value
	}
	return process{pid: pid, state: fields[0][0], parent: int(number(1)), session: int(number(3)), threads: int(number(17)),
		start: number(19)}, true
}

// statusOf is a field of /proc/<pid>/status.
func statusOf(pid int, field string) string {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func ignoresHangup(pid int) bool {
	mask, err := strconv.ParseUint(statusOf(pid, "SigIgn"), 16, 64)
	return err == nil && mask&1 == 1
}

func runsAs(pid int, uid uint32) bool {
	first, _, _ := strings.Cut(statusOf(pid, "Uid"), "\t")
	return first == strconv.FormatUint(uint64(uid), 10)
}

// oomKills is how many processes the kernel has killed for memory in this container (cgroup v2, then v1).
func oomKills() int {
	for _, path := range []string{"/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"} {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			if value, ok := strings.CutPrefix(line, "oom_kill "); ok {
				kills, _ := strconv.Atoi(strings.TrimSpace(value))
				return kills
			}
		}
	}
	return 0
}

// awakenFork lets a child go on that somebody has halted between fork and exec, while sbd waits for it, until it is made. Who halts it again
// and again is halted for that moment, too.
func awakenFork(made <-chan struct{}) {
	for round := 0; ; round++ {
		select {
		case <-made:
			return
		default:
		}
		before := everybody()
		if round > 2 {
			syscall.Kill(-1, syscall.SIGSTOP)
		}
		for _, p := range everybody() {
			if p.parent == 1 && p.stopped() && statusOf(p.pid, "Name") == "sbd" {
				syscall.Kill(p.pid, syscall.SIGCONT)
			}
		}
		time.Sleep(20 * time.Millisecond)
		if round > 2 {
			for _, p := range before {
				if !p.stopped() {
					syscall.Kill(p.pid, syscall.SIGCONT)
				}
			}
		}
		time.Sleep(80 * time.Millisecond)
	}
}

// finder finds those who are to be ended. What it has found once stays found for as long as it lives.
type finder func() []process

// related grows a set of processes by all that descend from them, where include agrees.
func related(all []process, in map[int]bool, include func(process) bool) []process {
	for grown := true; grown; {
		grown = false
		for _, p := range all {
			if !in[p.pid] && in[p.parent] && include(p) {
				in[p.pid], grown = true, true
			}
		}
	}
	var found []process
	for _, p := range all {
		if in[p.pid] {
			found = append(found, p)
		}
	}
	return found
}

// family finds the rest of a command: its leader, and what descends from it in its session. Who has detached itself does not belong to it any
// more: who ignores SIGHUP as nohup does, or had lost its parent before, as a daemon does.
func (c *command) family() finder {
	in := map[int]bool{c.pid: true}
	return func() []process {
		return related(everybody(), in, func(p process) bool { return p.session == c.pid && !ignoresHangup(p.pid) })
	}
}

// wholeSession finds all of a command's session, and all that descends from its leader and from those.
func (c *command) wholeSession() finder {
	in := map[int]bool{c.pid: true}
	return func() []process {
		all := everybody()
		for _, p := range all {
			if p.session == c.pid {
				in[p.pid] = true
			}
		}
		return related(all, in, func(process) bool { return true })
	}
}

// strangers finds everybody who belongs to no running command, except those of but.
func (t *commands) strangers(but *command) finder {
	return func() []process {
		all := everybody()
		known := map[int]bool{}
		for _, c := range t.running() {
			if c == but {
				continue
			}
			known[c.pid] = true
			for _, p := range all {
				if p.session == c.pid {
					known[p.pid] = true
				}
			}
		}
		related(all, known, func(process) bool { return true })
		var found []process
		for _, p := range all {
			if !known[p.pid] {
				found = append(found, p)
			}
		}
		return found
	}
}

func (t *commands) running() (found []*command) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range t.all {
		if c != nil && c.alive() {
			found = append(found, c)
		}
	}
	return found
}

func (t *commands) end(id string, how ending) (any, error) {
	if err := how.valid(); err != nil {
		return nil, err
	}
	c, err := t.find(id)
	if err != nil {
		return nil, err
	}
	return left{t.endCommand(c, how)}, nil
}

func (t *commands) endCommand(c *command, how ending) int {
	c.endings.Add(1)
	defer c.endings.Done()
	find := c.wholeSession()
	switch {
	case how.Scope == "strict":
		find = t.strangers(c)
	case !c.alive():
		// Its number may be another process's by now; a session keeps it from that, unless nobody of it is left.
		if p, ok := readStat(c.pid, make([]byte, 1024)); ok && p.session == c.pid {
			return 0
		}
	case how.Scope == "family":
		find = c.family()
	}
	return endAll(find, time.Duration(how.GraceMs)*time.Millisecond)
}

// endAll ends those who are found: TERM, then KILL. They are halted until all are found, so that nobody forks meanwhile. It returns how many
// are left.
func endAll(find finder, grace time.Duration) int {
	found := find()
	for before := -1; before != len(found) && before < 1<<20; {
		before = len(found)
		signalAll(found, syscall.SIGSTOP)
		found = find()
	}
	if grace > 0 {
		signalAll(found, syscall.SIGTERM)
		signalAll(found, syscall.SIGCONT)
	}
	begun := time.Now()
	for pause := 5 * time.Millisecond; len(found) > 0; pause = min(pause*2, 100*time.Millisecond) {
		switch passed := time.Since(begun); {
		case passed > grace+max(grace, 5*time.Second):
			return len(found)
		case passed >= grace:
			signalAll(found, syscall.SIGKILL)
		}
		time.Sleep(pause)
		found = find()
	}
	return 0
}

func signalAll(found []process, signal syscall.Signal) {
	for _, p := range found {
		syscall.Kill(p.pid, signal)
	}
}

// freeze ends everybody, whatever they do meanwhile: the kernel kills all at once, and sbd forks nothing for it.
func freeze(readable string) int {
	alive := everybody()
	for round := 0; len(alive) > 0 && round < 400; round++ {
		syscall.Kill(-1, syscall.SIGKILL)
		time.Sleep(time.Duration(min(round, 20)) * time.Millisecond)
		alive = everybody()
	}
	if readable != "" {
		openToAll(readable)
	}
	return len(alive)
}

func waitUntilGone(within time.Duration) {
	for end := time.Now().Add(within); len(everybody()) > 0 && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
}

// openToAll makes readable what is to be kept. Links are not followed.
func openToAll(dir string) {
	os.Chown(dir, 0, 0)
	filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if entry == nil || entry.Type()&fs.ModeSymlink != 0 {
			return nil
		}
		var stat syscall.Stat_t
		if syscall.Lstat(path, &stat) != nil || stat.Mode&syscall.S_IFMT == syscall.S_IFLNK {
			return nil
		}
		mode := stat.Mode&0o7777 | 0o444
		if stat.Mode&0o111 != 0 || entry.IsDir() {
			mode |= 0o111
		}
		if mode != stat.Mode&0o7777 {
			syscall.Chmod(path, mode)
		}
		return nil
	})
}
