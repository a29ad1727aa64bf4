package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

const (
	protocolMajor = 1
	protocolMinor = 0

	window      = 256 << 10 // bytes on their way on one channel
	stdinWindow = 64 << 10
	requestMax  = 1 << 20
	streamsMax  = 1024
	commandsMax = 256
)

type reason string

const (
	badFrame           reason = "BadFrame"
	unsupportedVersion reason = "UnsupportedVersion"
	notProven          reason = "NotProven"
	badRequest         reason = "BadRequest"
	tooLarge           reason = "TooLarge"
	tooManyStreams     reason = "TooManyStreams"
	tooManyCommands    reason = "TooManyCommands"
	tooManyWatches     reason = "TooManyWatches"
	tooManyProcesses   reason = "TooManyProcesses"
	commandExists      reason = "CommandExists"
	commandMissing     reason = "CommandMissing"
	cancelled          reason = "Cancelled"
	killed             reason = "Killed"
	userMissing        reason = "UserMissing"
	userForbidden      reason = "UserForbidden"
	workdirMissing     reason = "WorkdirMissing"
	interpreterMissing reason = "InterpreterMissing"
	programMissing     reason = "ProgramMissing"
	notExecutable      reason = "NotExecutable"
	notFound           reason = "NotFound"
	exists             reason = "Exists"
	notPermitted       reason = "NotPermitted"
	notRegular         reason = "NotRegular"
	notDirectory       reason = "NotDirectory"
	isDirectory        reason = "IsDirectory"
	notEmpty           reason = "NotEmpty"
	noSpace            reason = "NoSpace"
	readOnly           reason = "ReadOnly"
	badArchive         reason = "BadArchive"
	connectionRefused  reason = "ConnectionRefused"
	connectionReset    reason = "ConnectionReset"
	internal           reason = "Internal"
)

// failure is what an error frame says. It is an error of Go, too.
type failure struct {
	Reason  reason `json:"reason"`
	Message string `json:"message"`
}

func (f *failure) Error() string { return f.Message }

func failed(why reason, format string, values ...any) *failure {
	message := fmt.Sprintf(format, values...)
	if len(message) > 1024 {
		message = message[:1024]
	}
	return &failure{why, message}
}

var reasonOfErrno = []struct {
	errno  syscall.Errno
	reason reason
}{
	{syscall.ENOENT, notFound}, {syscall.EEXIST, exists}, {syscall.EACCES, notPermitted}, {syscall.EPERM, notPermitted},
	{syscall.ENOTDIR, notDirectory}, {syscall.EISDIR, isDirectory}, {syscall.ENOTEMPTY, notEmpty}, {syscall.ENOSPC, noSpace},
	{syscall.EDQUOT, noSpace}, {syscall.EROFS, readOnly}, {syscall.ENXIO, notRegular}, {syscall.ELOOP, notRegular},
	{syscall.ENAMETOOLONG, tooLarge}, {syscall.E2BIG, tooLarge}, {syscall.EFBIG, tooLarge},
	{syscall.EAGAIN, tooManyProcesses}, {syscall.ENOMEM, tooManyProcesses}, {syscall.ECONNRESET, connectionReset},
}

// failureOf finds the reason for any error.
func failureOf(err error) *failure {
	var known *failure
	if errors.As(err, &known) {
		return known
	}
	for _, entry := range reasonOfErrno {
		if errors.Is(err, entry.errno) {
			return failed(entry.reason, "%v", err)
		}
	}
	if errors.Is(err, os.ErrProcessDone) {
		return failed(killed, "%v", err)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return failed(notFound, "%v", err)
	}
	return failed(internal, "%v", err)
}

type hello struct {
	Major   int    `json:"major"`
	Minor   int    `json:"minor"`
	Version string `json:"version"`
	Nonce   string `json:"nonce"`
	Knows   bool   `json:"knows"`
}

type welcome struct {
	Major      int    `json:"major"`
	Minor      int    `json:"minor"`
	Nonce      string `json:"nonce"`
	Secret     string `json:"secret,omitempty"`
	Proof      string `json:"proof,omitempty"`
	CourierUID uint32 `json:"courierUid"`
}

type proof struct {
	Proof string `json:"proof"`
}

type notice struct {
	Event string `json:"event"`
}

type size struct {
	Rows    uint16 `json:"rows"`
	Columns uint16 `json:"columns"`
}

type ending struct {
	Scope   string `json:"scope"`
	GraceMs int64  `json:"graceMs"`
}

// sink is "stream", "null", "log", for stderr "stdout", or {"file": path}.
type sink struct {
	kind, file string
}

func (s *sink) UnmarshalJSON(text []byte) error {
	if json.Unmarshal(text, &s.kind) == nil {
		if s.kind != "stream" && s.kind != "null" && s.kind != "log" && s.kind != "stdout" {
			return fmt.Errorf("there is no sink %q", s.kind)
		}
		return nil
	}
	var named struct {
		File string `json:"file"`
	}
	if err := strict(text, &named); err != nil {
		return err
	}
	if named.File == "" || named.File[0] != '/' {
		return errors.New("the file of a sink needs an absolute path")
	}
	s.kind, s.file = "file", named.File
	return nil
}

var limitNumbers = map[string]int{"core": 4, "cpu": 0, "data": 2, "fsize": 1, "memlock": 8, "nofile": 7, "nproc": 6, "stack": 3}

const (
	toLeader = iota
	toSession
	toForeground
)

var signalScopes = []string{toLeader: "leader", toSession: "session", toForeground: "foreground"}

// request holds the fields of all requests; each looks at its own, and unknown ones are refused.
type request struct {
	Op string `json:"op"`

	ID               string            `json:"id"`
	Argv             []string          `json:"argv"`
	Name             string            `json:"name"`
	Launchers        [][]string        `json:"launchers"`
	Interpreter      string            `json:"interpreter"`
	User             string            `json:"user"`
	Workdir          string            `json:"workdir"`
	Env              map[string]string `json:"env"`
	CleanEnv         bool              `json:"cleanEnv"`
	Umask            *int              `json:"umask"`
	Limits           map[string]uint64 `json:"limits"`
	NoNewPrivileges  bool              `json:"noNewPrivileges"`
	DropCapabilities []string          `json:"dropCapabilities"`
	Stdin            bool              `json:"stdin"`
	Pty              *size             `json:"pty"`
	Stdout           sink              `json:"stdout"`
	Stderr           sink              `json:"stderr"`
	TimeoutMs        int64             `json:"timeoutMs"`
	Ending           *ending           `json:"ending"`
	Marks            bool              `json:"marks"`
	Guest            bool              `json:"guest"`

	Output *uint64 `json:"output"`
	Error  *uint64 `json:"error"`

	Scope    string  `json:"scope"`
	GraceMs  int64   `json:"graceMs"`
	AgentUID *uint32 `json:"agentUid"`
	Left     string  `json:"left"`
	Readable bool    `json:"readable"`
	Code     int     `json:"code"`
	Port     int     `json:"port"`

	fileRequest
}

type fileRequest struct {
	Path         string  `json:"path"`
	To           string  `json:"to"`
	Offset       int64   `json:"offset"`
	Length       *int64  `json:"length"`
	Mode         *uint32 `json:"mode"`
	Owner        *int    `json:"owner"`
	Group        *int    `json:"group"`
	Max          int     `json:"max"`
	Recursive    bool    `json:"recursive"`
	Parents      bool    `json:"parents"`
	Fresh        bool    `json:"fresh"`
	MaxBytes     int64   `json:"maxBytes"`
	MaxEntries   int     `json:"maxEntries"`
	MaxFileBytes int64   `json:"maxFileBytes"`
	MaxHoleBytes int64   `json:"maxHoleBytes"`

	Exclude []string `json:"exclude"`
}

type identity struct {
	UID  int    `json:"uid"`
	GID  int    `json:"gid"`
	Home string `json:"home"`
	more []int  // supplementary groups
}

type checked struct {
	identity
	Path string `json:"path,omitempty"` // the container's own
}

type started struct {
	identity
	PID    int    `json:"pid"`
	Input  uint64 `json:"input"`
	Output uint64 `json:"output"`
	Error  uint64 `json:"error"`
}

type exit struct {
	Code     *int   `json:"code,omitempty"`
	Signal   *int   `json:"signal,omitempty"`
	TimedOut bool   `json:"timedOut"`
	OOMKills int    `json:"oomKills"`
	Output   uint64 `json:"output"`
	Error    uint64 `json:"error"`
}

type left struct {
	Left int `json:"left"`
}

type halted struct {
	left
	Guests int `json:"guests"`
	Acting int `json:"acting"`
}

type resumed struct {
	Halted bool `json:"halted"`
}

type entry struct {
	Name     string `json:"name"`
	Kind     string `json:"kind"`
	Size     int64  `json:"size"`
	Mode     uint32 `json:"mode"`
	UID      uint32 `json:"uid"`
	GID      uint32 `json:"gid"`
	Modified int64  `json:"modified"`
	Changed  int64  `json:"changed"`
	Target   string `json:"target,omitempty"`
}

type symlink struct {
	Name    string `json:"name"`
	Target  string `json:"target"`
	LeadsTo string `json:"leadsTo,omitempty"`
}

type commandState struct {
	ID      string `json:"id"`
	PID     int    `json:"pid"`
	Running bool   `json:"running"`
}

// strict reads one JSON value that holds nothing unknown, and nothing after it.
func strict(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return failed(badRequest, "%v", err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return failed(badRequest, "something follows the request")
	}
	return nil
}
