package main

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

// direct starts a command without a helper between the two: most of what a short command costs is the helper's start. nil where a helper has to do
// more than that, and wherever it fails: the helper fails in the same way, and says why.
func (t *commands) direct(b *becoming, theirs []*os.File, hasTerminal bool) *helper {
	if !b.isPlain() {
		return nil
	}
	path, err := lookUp(b.Argv[0], b.Env)
	if err != nil || blocks(path, b.Workdir) {
		return nil
	}
	attr := &syscall.SysProcAttr{Setsid: true, Setctty: hasTerminal}
	if b.SetIDs {
		attr.Credential = &syscall.Credential{Uid: uint32(b.UID), Gid: uint32(b.GID)}
		for _, group := range b.Groups {
			attr.Credential.Groups = append(attr.Credential.Groups, uint32(group))
		}
	}
	files := make([]uintptr, 0, len(theirs))
	for _, file := range theirs {
		files = append(files, file.Fd())
	}
	h, err := t.fork(path, b.words(), &syscall.ProcAttr{Dir: b.Workdir, Env: b.Env, Files: files, Sys: attr})
	if err != nil {
		return nil
	}
	raiseOOMScore(strconv.Itoa(h.pid))
	return h
}

// isPlain is whether the command is to be as sbd itself is, but for its groups: the same user, and all that it may do.
func (b *becoming) isPlain() bool {
	const own = 0o022
	isSame := b.UID == os.Geteuid() && b.GID == os.Getegid() && b.Umask == own
	return isSame && len(b.Limits) == 0 && len(b.Drop) == 0 && !b.NoNewPrivileges && isPathAbsolute(b.Env)
}

// isPathAbsolute: a program is looked for from where sbd is, and run from where the command is to be.
func isPathAbsolute(env []string) bool {
	for _, variable := range env {
		path, found := strings.CutPrefix(variable, "PATH=")
		if !found {
			continue
		}
		for _, dir := range strings.Split(path, ":") {
			if !strings.HasPrefix(dir, "/") {
				return false
			}
		}
	}
	return true
}

// blocks is whether to open the program would wait for somebody, who has a lease of it: while sbd forks, nobody else can.
func blocks(path, workdir string) bool {
	if !strings.HasPrefix(path, "/") {
		path = workdir + "/" + path
	}
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return true
	}
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		return err != syscall.EACCES // that it may be run and not read is as well
	}
	syscall.Close(fd)
	return false
}
