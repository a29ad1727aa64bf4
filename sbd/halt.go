package main

import (
	"os"
	"strings"
	"syscall"
	"time"
)

// The ground of a verifier is made while everybody is halted, so that nobody changes what root moves, removes or opens. Decision 0021 tells
// why; who was there before the agent began counts as the image's, everybody else as left by the agent.

// mark notes who is there, the first time.
func (t *commands) mark() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.isMarked {
		return
	}
	t.isMarked, t.marked = true, map[processKey]bool{}
	for _, p := range everybody() {
		t.marked[p.key()] = true
	}
}

// leftBehind finds what was left since the mark: everybody who was not there, and neither descends from those nor runs as the agent's user.
// shared are those of them who were there and run as that user, who may have made them its own.
func (t *commands) leftBehind(agentUID *uint32) (found, shared []process) {
	t.mu.Lock()
	marked, isMarked := t.marked, t.isMarked
	t.mu.Unlock()
	if !isMarked {
		return nil, nil
	}
	isAgents := func(p process) bool { return agentUID != nil && *agentUID != 0 && runsAs(p.pid, *agentUID) }
	all, images := everybody(), map[int]bool{}
	for _, p := range all {
		if marked[p.key()] {
			images[p.pid] = true
			if isAgents(p) {
				shared = append(shared, p)
			}
		}
	}
	related(all, images, func(p process) bool { return !isAgents(p) })
	for _, p := range all {
		if !images[p.pid] {
			found = append(found, p)
		}
	}
	return found, shared
}

// halt halts everybody, after it has ended what was left where that is asked for, and tells how many are left.
func (t *commands) halt(r *request) (any, error) {
	find := func() []process { found, _ := t.leftBehind(r.AgentUID); return found }
	switch r.Left {
	case "keep", "kill":
	case "end":
		grace := time.Duration(r.GraceMs) * time.Millisecond
		if grace <= 0 || grace > time.Minute {
			grace = 5 * time.Second
		}
		endAll(find, grace)
	default:
		return nil, failed(badRequest, "what is left cannot be %q", r.Left)
	}
	acting := t.haltAll()
	if r.Left != "keep" {
		killHalted(find)
	}
	count, guests := t.countLeft(r.AgentUID)
	return halted{left{count}, guests, acting}, nil
}

// guests is how many of them belong to commands of people who have entered.
func (t *commands) guests(of []process) (count int) {
	t.mu.Lock()
	sessions, theirs := map[int]bool{}, map[int]bool{}
	for _, c := range t.all {
		if c != nil && c.guest {
			sessions[c.pid] = true
		}
	}
	t.mu.Unlock()
	if len(sessions) == 0 {
		return 0
	}
	all := everybody()
	for _, p := range all {
		theirs[p.pid] = sessions[p.session]
	}
	related(all, theirs, func(process) bool { return true })
	for _, p := range of {
		if theirs[p.pid] {
			count++
		}
	}
	return count
}

// haltAll: who forks fast enough is seen by nobody, so everybody is halted and not those who were seen. It returns how many act all the same.
func (t *commands) haltAll() (acting int) {
	t.mu.Lock()
	if t.halted == nil {
		t.halted = map[int]bool{}
		for _, p := range everybody() {
			if p.stopped() {
				t.halted[p.pid] = true
			}
		}
	}
	t.mu.Unlock()
	for range 50 {
		syscall.Kill(-1, syscall.SIGSTOP)
		acting = 0
		for _, p := range everybody() {
			if !p.stopped() && p.state != 'D' {
				acting++
			}
		}
		if acting == 0 {
			return 0
		}
		time.Sleep(20 * time.Millisecond)
	}
	return acting
}

// killHalted: what the death of another one wakes is halted again.
func killHalted(find finder) {
	found := find()
	for round := 0; len(found) > 0 && round < 50; round++ {
		signalAll(found, syscall.SIGKILL)
		syscall.Kill(-1, syscall.SIGSTOP)
		time.Sleep(20 * time.Millisecond)
		found = find()
	}
}

// countLeft: everybody is halted, so the youngest pid stays what it is. Where it does not, somebody forks faster than anybody can look.
// guests is how many of those who are left belong to people who have entered.
func (t *commands) countLeft(agentUID *uint32) (count, guests int) {
	t.mu.Lock()
	isMarked := t.isMarked
	t.mu.Unlock()
	quiet := false
	for range 10 {
		before := youngest()
		found, shared := t.leftBehind(agentUID)
		found = append(found, shared...)
		count, guests = len(found), t.guests(found)
		if quiet = youngest() == before; quiet {
			break
		}
		syscall.Kill(-1, syscall.SIGSTOP)
	}
	if count == 0 && !quiet && isMarked {
		return 1, 0
	}
	return count, guests
}

func youngest() string {
	text, err := os.ReadFile("/proc/loadavg")
	fields := strings.Fields(string(text))
	if err != nil || len(fields) < 5 {
		return ""
	}
	return fields[4]
}

// resume: children first, since a shell with job control would believe that they had been stopped by themselves. Those too that are not stopped:
// who waits in the kernel for a child to become another program stops only once it has, if nothing takes the signal back. It returns whether they
// were halted until now: they go on where the connection ends, too.
func (t *commands) resume() bool {
	t.mu.Lock()
	already, halted := t.halted, t.halted != nil
	t.halted = nil
	t.mu.Unlock()
	if !halted {
		return false
	}
	all := everybody()
	for at := len(all) - 1; at >= 0; at-- {
		if p := all[at]; !already[p.pid] {
			syscall.Kill(p.pid, syscall.SIGCONT)
		}
	}
	return true
}
