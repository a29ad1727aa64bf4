package main

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// File operations have the rights of the user that they name, and then run in a process of their own; or those of sbd, and then run within it,
// where nobody can halt or kill them. Then a file to write to is reached through no link, since somebody with fewer rights may have put it there.

const filesMax = 64

const (
	// What of a file may wait here: a frame is taken whole while the one before is written.
	fileWindow = 128 << 10
	// At a time, from and to files.
	fileBuffer = 64 << 10
	// Between sbd and a process that works with files: what fits into it needs no turn of the other one.
	pipeBytes = 256 << 10
)

var filesBusy atomic.Int32

// fileStream is a stream of one file operation.
type fileStream struct {
	session *session
	inbox   *inbox
	outlet  *outlet
	helper  atomic.Pointer[helper]
	dropped atomic.Bool
}

func (s *session) beginFiles(id uint32, r *request) {
	busy, full := &filesBusy, failed(tooManyStreams, "%d file operations are under way", filesMax)
	most := int32(filesMax)
	if r.Op == "watch" {
		busy, most, full = &watchesBusy, watchesMax, failed(tooManyWatches, "%d watches are under way", watchesMax)
	}
	if busy.Add(1) > most {
		busy.Add(-1)
		s.fail(id, full)
		return
	}
	brought := uint64(stdinWindow)
	if r.Op == "write" || r.Op == "untar" {
		brought = fileWindow
	}
	f := &fileStream{session: s, inbox: newInbox(brought), outlet: newOutlet(chOutput)}
	f.inbox.attach(s.link, id)
	f.outlet.mu.Lock()
	f.outlet.attach(s.link, id, 0)
	f.outlet.mu.Unlock()
	s.become(id, f)
	go func() {
		defer busy.Add(-1)
		defer f.drop(false)
		result, err := f.work(r)
		if err != nil {
			s.fail(id, err)
			return
		}
		f.outlet.end()
		s.answer(id, result)
	}()
}

func (f *fileStream) work(r *request) (any, error) {
	if !path.IsAbs(r.Path) || strings.Contains(r.Path+r.To, "\x00") {
		return nil, failed(badRequest, "%q is no absolute path", r.Path)
	}
	if r.User != "" || r.Op == "watch" {
		return f.workAs(r)
	}
	blocking <- struct{}{}
	defer func() { <-blocking }()
	return r.files(r.Op, unblockedReader{f.inbox}, unblockedWriter{f.outlet})
}

// Waiting for the courier is no waiting in the kernel.
type unblockedReader struct{ from io.Reader }

func (u unblockedReader) Read(into []byte) (int, error) {
	<-blocking
	defer func() { blocking <- struct{}{} }()
	return u.from.Read(into)
}

type unblockedWriter struct{ to io.Writer }

func (u unblockedWriter) Write(bytes []byte) (int, error) {
	<-blocking
	defer func() { blocking <- struct{}{} }()
	return u.to.Write(bytes)
}

// filesAs is what a helper needs to know to work with files as a user.
type filesAs struct {
	Op      string
	UID     int
	GID     int
	Groups  []int
	SetIDs  bool
	Links   bool // a watched path may lead through links, since it does so with no more rights than those who may have made them
	Request fileRequest
}

func (f *fileStream) workAs(r *request) (any, error) {
	id, err := f.session.check(&request{User: r.User})
	if err != nil {
		return nil, err
	}
	inRead, inWrite, err := filePipe()
	if err != nil {
		return nil, err
	}
	defer inRead.Close()
	outRead, outWrite, err := filePipe()
	if err != nil {
		inWrite.Close()
		return nil, err
	}
	spec := filesAs{r.Op, id.UID, id.GID, id.more, id.differs(r.User), r.User != "", r.fileRequest}
	h, err := f.session.commands.spawn("files", spec, []*os.File{inRead, outWrite}, &syscall.SysProcAttr{Setsid: true})
	outWrite.Close()
	defer outRead.Close()
	if err != nil {
		inWrite.Close()
		return nil, err
	}
	f.helper.Store(h)
	if f.dropped.Load() {
		h.kill(syscall.SIGKILL)
	}
	if r.Op == "watch" {
		go f.session.commands.keepGoing(h)
	}
	go func() {
		io.CopyBuffer(onlyWriter{inWrite}, onlyReader{f.inbox}, make([]byte, fileBuffer))
		inWrite.Close()
		f.inbox.refuse()
	}()
	copying := f.outlet.drain(outRead)
	said, err := h.outcome(0)
	f.inbox.close(failed(cancelled, "the operation is over"))
	if err == nil {
		err = copying
	}
	if err == nil && len(said) == 0 {
		err = failed(killed, "the process that worked on the file was killed")
	}
	if err != nil {
		return nil, err
	}
	var answer struct {
		Result  json.RawMessage
		Failure *failure
	}
	if err := json.Unmarshal(said, &answer); err != nil {
		return nil, err
	}
	if answer.Failure != nil {
		return nil, answer.Failure
	}
	return answer.Result, nil
}

// filePipe is a pipe with room for several frames, where the kernel lets it have that.
func filePipe() (read, write *os.File, err error) {
	if read, write, err = os.Pipe(); err == nil {
		const setPipeSize = 1031
		control(write, func(fd int) error {
			syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), setPipeSize, pipeBytes)
			return nil
		})
	}
	return read, write, err
}

// They hide ReadFrom and WriteTo, which would take the buffer's place.
type onlyReader struct{ io.Reader }
type onlyWriter struct{ io.Writer }

// differs: whether sbd has to change its identity to be that user.
func (id identity) differs(asked string) bool {
	return asked != "" && (os.Geteuid() == 0 || os.Geteuid() != id.UID || os.Getegid() != id.GID)
}

func (f *fileStream) receive(received frame) error {
	if received.kind != typeData && received.kind != typeEOF && received.kind != typeCredit {
		return nil
	}
	channel, offset, bytes, _ := received.onChannel()
	switch {
	case received.kind == typeCredit && channel == chOutput:
		f.outlet.credit(offset)
	case received.kind == typeEOF && channel == chInput:
		f.inbox.close(nil)
	case received.kind == typeData && channel == chInput:
		return f.inbox.put(offset, bytes)
	}
	return nil
}

func (f *fileStream) drop(bool) {
	why := failed(cancelled, "the courier has closed the stream")
	f.inbox.close(why)
	f.outlet.drop(why)
	f.dropped.Store(true)
	if h := f.helper.Load(); h != nil {
		h.kill(syscall.SIGKILL)
	}
}

// filesCommand runs in a process of its own.
func filesCommand() error {
	syscall.CloseOnExec(specFD)
	text, err := io.ReadAll(os.NewFile(specFD, "spec"))
	if err != nil {
		return err
	}
	var as filesAs
	if err := json.Unmarshal(text, &as); err != nil {
		return err
	}
	raiseOOMScore("self")
	result, err := as.work()
	answer := map[string]any{"Result": result}
	if err != nil {
		answer = map[string]any{"Failure": failureOf(err)}
	}
	said, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	_, err = os.NewFile(reportFD, "report").Write(said)
	return err
}

func (as *filesAs) work() (any, error) {
	if as.SetIDs {
		// Of all threads; with the rights goes the right to have them back.
		if err := errors.Join(syscall.Setgroups(as.Groups), syscall.Setresgid(as.GID, as.GID, as.GID), syscall.Setresuid(as.UID, as.UID, as.UID)); err != nil {
			return nil, failed(notPermitted, "sbd may not become user %d: %v", as.UID, err)
		}
		forbidDumps()
	}
	syscall.Umask(0o022)
	if as.Op == "watch" {
		return as.Request.watch(os.NewFile(stdinFD+1, "output"), as.Links)
	}
	return as.Request.files(as.Op, os.NewFile(stdinFD, "input"), os.NewFile(stdinFD+1, "output"))
}

func (r *fileRequest) files(op string, in io.Reader, out io.Writer) (any, error) {
	done := struct{}{}
	if path.Clean(r.Path) == "/" && (op == "remove" || op == "mkdir") {
		return nil, failed(badRequest, "the root stays where it is")
	}
	switch op {
	case "read":
		return r.read(out)
	case "write":
		return done, r.write(in)
	case "stat":
		return r.stat()
	case "list":
		return r.list(out)
	case "links":
		return r.links(out)
	case "remove":
		return done, r.remove()
	case "mkdir":
		return done, r.mkdir()
	case "untar":
		return r.untar(in)
	case "tar":
		return r.tar(out)
	case "copy":
		return r.copy()
	}
	return nil, failed(badRequest, "there is no request %q", op)
}

func (r *fileRequest) read(out io.Writer) (any, error) {
	file, err := openRegular(r.Path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if _, err := file.Seek(max(r.Offset, 0), io.SeekStart); err != nil {
		return nil, err
	}
	var from io.Reader = file
	if r.Length != nil {
		from = io.LimitReader(file, *r.Length)
	}
	bytes, err := io.CopyBuffer(onlyWriter{out}, onlyReader{from}, make([]byte, fileBuffer))
	return map[string]int64{"size": info.Size(), "bytes": bytes}, err
}

func (r *fileRequest) write(in io.Reader) error {
	dir, name, err := openParent(r.Path, false)
	if err != nil {
		return err
	}
	defer dir.Close()
	file, temporary, err := createIn(dir)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err = io.CopyBuffer(onlyWriter{file}, onlyReader{in}, make([]byte, fileBuffer)); err == nil {
		err = r.own(file)
	}
	if err == nil {
		err = rename(dir, temporary, name)
	}
	if err != nil {
		unlink(dir, temporary)
	}
	return err
}

func (r *fileRequest) own(file *os.File) error {
	if r.Owner != nil || r.Group != nil {
		if err := file.Chown(orUnchanged(r.Owner), orUnchanged(r.Group)); err != nil {
			return err
		}
	}
	return syscall.Fchmod(int(file.Fd()), orMode(r.Mode, 0o644))
}

func orUnchanged(id *int) int {
	if id == nil {
		return -1
	}
	return *id
}

func orMode(mode *uint32, otherwise uint32) uint32 {
	if mode == nil {
		return otherwise
	}
	return *mode & 0o7777
}

func (r *fileRequest) stat() (any, error) {
	info, err := os.Lstat(r.Path)
	if err != nil {
		return nil, err
	}
	return entryOf(info, r.Path), nil
}

func entryOf(info fs.FileInfo, path string) entry {
	stat := info.Sys().(*syscall.Stat_t)
	e := entry{
		Name: info.Name(), Kind: kindOf(info.Mode()), Size: info.Size(), Mode: stat.Mode & 0o7777, UID: stat.Uid, GID: stat.Gid,
		Modified: info.ModTime().UnixMilli(), Changed: time.Unix(stat.Ctim.Unix()).UnixMilli(),
	}
	if e.Kind == "link" {
		e.Target, _ = os.Readlink(path)
	}
	return e
}

func kindOf(mode fs.FileMode) string {
	switch mode.Type() {
	case 0:
		return "file"
	case fs.ModeDir:
		return "directory"
	case fs.ModeSymlink:
		return "link"
	case fs.ModeNamedPipe:
		return "fifo"
	case fs.ModeSocket:
		return "socket"
	}
	return "device"
}

func (r *fileRequest) list(out io.Writer) (any, error) {
	dir, err := openIf(r.Path, syscall.S_IFDIR, safeToRead)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	left := r.Max
	if left <= 0 {
		left = 10_000
	}
	listed := 0
	for {
		infos, err := dir.Readdir(64)
		for _, info := range infos {
			if left == 0 {
				return map[string]any{"entries": listed, "more": true}, nil
			}
			line, _ := json.Marshal(entryOf(info, path.Join(r.Path, info.Name())))
			if _, err := out.Write(append(line, '\n')); err != nil {
				return nil, err
			}
			listed, left = listed+1, left-1
		}
		if err == io.EOF {
			return map[string]any{"entries": listed, "more": false}, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func (r *fileRequest) remove() error {
	if r.Recursive {
		return os.RemoveAll(r.Path)
	}
	return os.Remove(r.Path)
}

// mkdir makes a directory; a fresh one in place of whatever lies there. What cannot be removed, such as a mount, is emptied.
func (r *fileRequest) mkdir() error {
	if r.Fresh {
		clear(r.Path)
	}
	_, missing := os.Lstat(r.Path)
	make := os.Mkdir
	if r.Parents || r.Fresh {
		// What is missing above it is as others make it; only the directory itself is closed until it has its owner and mode.
		if err := os.MkdirAll(path.Dir(r.Path), 0o755); err != nil {
			return err
		}
		make = os.MkdirAll
	}
	if err := make(r.Path, 0o700); err != nil {
		return err
	}
	fd, err := syscall.Open(r.Path, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "mkdir", Path: r.Path, Err: err}
	}
	dir := os.NewFile(uintptr(fd), r.Path)
	defer dir.Close()
	if r.Fresh {
		if names, err := dir.Readdirnames(1); err != io.EOF {
			return failed(notEmpty, "%s cannot be emptied: %v", r.Path, names)
		}
	}
	if r.Owner != nil || r.Group != nil {
		if err := dir.Chown(orUnchanged(r.Owner), orUnchanged(r.Group)); err != nil {
			return err
		}
	}
	if r.Mode == nil && missing == nil {
		return nil // a mount, for example, that is somebody else's
	}
	return syscall.Fchmod(fd, orMode(r.Mode, 0o755))
}
