package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"unsafe"
)

// becoming is what a helper needs to know to become a command. Users and files are resolved by then.
type becoming struct {
	Argv            []string
	Name            string
	Env             []string
	Workdir         string
	UID, GID        int
	Groups          []int
	SetIDs          bool
	Umask           int
	Limits          map[string]uint64
	NoNewPrivileges bool
	Drop            []int
	dotted          bool
}

const (
	specFD   = 3
	reportFD = 4
	stdinFD  = 5
)

// becomeCommand runs in a process of its own. It reports only why it could not become the command.
func becomeCommand() error {
	runtime.LockOSThread()
	syscall.CloseOnExec(specFD)
	syscall.CloseOnExec(reportFD)
	text, err := io.ReadAll(os.NewFile(specFD, "spec"))
	if err != nil {
		return err
	}
	var b becoming
	if err := json.Unmarshal(text, &b); err != nil {
		return err
	}
	err = b.become()
	report, _ := json.Marshal(failureOf(err))
	if !b.dotted {
		report = append([]byte{'.'}, report...)
	}
	syscall.Write(reportFD, report)
	os.Exit(1)
	return nil
}

func (b *becoming) become() error {
	if err := os.Chdir(b.Workdir); err != nil { // before the rights go, as Docker does
		return failed(workdirMissing, "the directory %s cannot be entered: %v", b.Workdir, err)
	}
	for fd := range 3 {
		if b.SetIDs {
			giveAway(stdinFD+fd, b.UID, b.GID)
		}
		if err := syscall.Dup3(stdinFD+fd, fd, 0); err != nil {
			return err
		}
		syscall.CloseOnExec(stdinFD + fd)
	}
	syscall.Umask(b.Umask)
	raiseOOMScore("self")
	for name, value := range b.Limits {
		var limit syscall.Rlimit
		if syscall.Getrlimit(limitNumbers[name], &limit) == nil {
			value = min(value, limit.Max) // what it was allowed to begin with stays the most
		}
		limit = syscall.Rlimit{Cur: value, Max: value}
		if err := syscall.Setrlimit(limitNumbers[name], &limit); err != nil {
			return failed(notPermitted, "the limit %s cannot be %d: %v", name, value, err)
		}
	}
	if err := b.takeRights(); err != nil {
		return err
	}
	path, err := lookUp(b.Argv[0], b.Env)
	if err != nil {
		return err
	}
	syscall.Write(reportFD, []byte{'.'}) // what is said after it is why it could not, after all
	b.dotted = true
	err = syscall.Exec(path, b.words(), b.Env)
	switch {
	case errors.Is(err, syscall.ENOENT):
		return failed(programMissing, "%s, or what is to run it, is missing", path)
	case errors.Is(err, syscall.E2BIG):
		return failed(tooLarge, "arguments and variables are too long together")
	}
	return failed(notExecutable, "%s cannot be run: %v", path, err)
}

// words are what the program is told, its name first.
func (b *becoming) words() []string {
	if b.Name == "" {
		return b.Argv
	}
	return append([]string{b.Name}, b.Argv[1:]...)
}

// takeRights is in the order in which each step is still allowed.
func (b *becoming) takeRights() error {
	const capBoundingSetDrop, setNoNewPrivileges = 24, 38
	for _, capability := range b.Drop {
		if err := prctl(capBoundingSetDrop, uintptr(capability), 0); err != nil && err != syscall.EINVAL { // a kernel that does not know it
			return failed(notPermitted, "capability %d cannot be dropped: %v", capability, err)
		}
	}
	if b.SetIDs {
		if err := errors.Join(syscall.Setgroups(b.Groups), syscall.Setresgid(b.GID, b.GID, b.GID), syscall.Setresuid(b.UID, b.UID, b.UID)); err != nil {
			return failed(notPermitted, "sbd may not become user %d: %v", b.UID, err)
		}
	}
	if len(b.Drop) > 0 {
		dropHeld(b.Drop)
	}
	if b.NoNewPrivileges {
		return prctl(setNoNewPrivileges, 1, 0)
	}
	return nil
}

// dropHeld takes capabilities from what the thread holds itself; an exec by root would bring back only what is in the bounding set.
func dropHeld(drop []int) {
	header := struct {
		version uint32
		pid     int32
	}{0x20080522, 0}
	var data [2]struct{ effective, permitted, inheritable uint32 }
	if _, _, errno := syscall.RawSyscall(syscall.SYS_CAPGET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&data)), 0); errno != 0 {
		return
	}
	for _, capability := range drop {
		half, bit := &data[capability/32], uint32(1)<<(capability%32)
		half.effective &^= bit
		half.permitted &^= bit
		half.inheritable &^= bit
	}
	syscall.RawSyscall(syscall.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&data)), 0)
}

// giveAway gives a pipe or terminal to the user, so that /dev/stdout can be opened.
func giveAway(fd, uid, gid int) {
	var stat syscall.Stat_t
	if syscall.Fstat(fd, &stat) == nil && (stat.Mode&syscall.S_IFMT == syscall.S_IFIFO || isTerminal(fd)) {
		syscall.Fchown(fd, uid, gid)
	}
}

// raiseOOMScore has the kernel kill commands before sbd, where it kills single processes. It fails where sbd is not root: then nothing is lost.
func raiseOOMScore(process string) {
	const most = 1000
	path := "/proc/" + process + "/oom_score_adj"
	text, err := os.ReadFile(path)
	if now, wrong := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && wrong == nil && now < most {
		os.WriteFile(path, []byte(strconv.Itoa(min(now+100, most))), 0)
	}
}

// lookUp finds a program as execvp does, with the PATH among env.
func lookUp(name string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	path := "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	for _, variable := range env {
		if value, ok := strings.CutPrefix(variable, "PATH="); ok {
			path = value
		}
	}
	found := failed(programMissing, "no %s is in %s", name, path)
	for _, dir := range strings.Split(path, ":") {
		if dir == "" {
			dir = "."
		}
		candidate := dir + "/" + name
		if info, err := os.Stat(candidate); err != nil || !info.Mode().IsRegular() {
			continue
		}
		const executable = 1
		if syscall.Faccessat(-100, candidate, executable, 0) == nil {
			return candidate, nil
		}
		found = failed(notExecutable, "%s may not be run", candidate)
	}
	return "", found
}

// environment puts variables over those of the container. HOME is that of the user, unless a variable says otherwise.
func environment(own []string, home string, given map[string]string) ([]string, error) {
	all := map[string]string{}
	for _, variable := range own {
		name, value, _ := strings.Cut(variable, "=")
		all[name] = value
	}
	all["HOME"] = home
	for name, value := range given {
		if name == "" || strings.ContainsAny(name, "=\x00") || strings.Contains(value, "\x00") {
			return nil, failed(badRequest, "the variable %q cannot be set", name)
		}
		all[name] = value
	}
	env := make([]string, 0, len(all))
	for name, value := range all {
		env = append(env, name+"="+value)
	}
	sort.Strings(env)
	return env, nil
}

var capabilityNames = strings.Fields(`CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE
	NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN
	SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG
	WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE`)

func capabilities(names []string) (numbers []int, err error) {
	for _, name := range names {
		before := len(numbers)
		for number, known := range capabilityNames {
			if name == known || name == "ALL" {
				numbers = append(numbers, number)
			}
		}
		if len(numbers) == before {
			return nil, failed(badRequest, "there is no capability %s", strconv.Quote(name))
		}
	}
	return numbers, nil
}
