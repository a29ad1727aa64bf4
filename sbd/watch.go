package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unicode/utf8"
)

// A watch tells what happens to files. It runs in a process of its own, with its user's rights, so that whatever a hostile container does to
// it, by floods of events or deep trees, costs that process and nothing of sbd's. Its events are lines of JSON, and flow as a file's bytes do:
// where nobody takes them, the kernel's queue fills, and the loss is told.
//
// The kernel tells what has happened, and the files are ahead of it. So whatever is opened is opened without links from the folder that was
// asked for, and must be what is watched; what is not found there any more is looked at again when a later event tells where it went.

const (
	watchesMax = 8
	foldersMax = 16_384
	foldersOwn = 8192   // where the courier does not say
	readsMax   = 32_768 // folders that are read for one batch of events

	checkTime = 2 * time.Second        // between two looks at whether the path still leads there
	lookTime  = 200 * time.Millisecond // the same, while much is told
	batchTime = 10 * time.Millisecond  // several changes of one file within it are one
	calmTime  = 200 * time.Millisecond // before all is read again
)

var watchesBusy atomic.Int32

type watchEvent struct {
	Event   string  `json:"event"`
	Path    *string `json:"path,omitempty"`
	PathHex string  `json:"pathHex,omitempty"`
	From    *string `json:"from,omitempty"`
	FromHex string  `json:"fromHex,omitempty"`
	Kind    string  `json:"kind,omitempty"`
	Folders int     `json:"folders,omitempty"`
	Reason  reason  `json:"reason,omitempty"`
	Why     string  `json:"why,omitempty"`
}

func (e watchEvent) at(path string) watchEvent {
	e.Path, e.PathHex = &path, hexOf(path)
	return e
}

func (e watchEvent) from(path string) watchEvent {
	e.From, e.FromHex = &path, hexOf(path)
	return e
}

// hexOf: JSON holds no bytes that are no UTF-8, and names may.
func hexOf(path string) string {
	if utf8.ValidString(path) {
		return ""
	}
	return hex.EncodeToString([]byte(path))
}

// keepGoing lets a watch go on that somebody in the container has halted.
func (t *commands) keepGoing(h *helper) {
	for ; h.alive(); time.Sleep(time.Second) {
		t.mu.Lock()
		if t.halted == nil {
			h.kill(syscall.SIGCONT)
		}
		t.mu.Unlock()
	}
}

type watcher struct {
	path      string
	links     bool // its path may lead through them
	recursive bool
	max       int

	out    *bufio.Writer
	failed error // nobody reads any more

	queue   *kernelQueue
	root    *folder
	rootFD  int // while a batch is worked on
	id      fileID
	isFile  bool
	folders map[int32]*folder
	lost    bool // the kernel or this process does not know what has happened

	// What is known of the files is newer than the events: at least until this batch is told, and so many bytes after it.
	ahead   bool
	overdue int

	looked time.Time // at the path, the last time
	read   int       // folders, for this batch

	reached   *folder
	reachedFD int
}

// move is where something went.
type move struct{ from, to place }

type place struct {
	folder *folder
	name   string
}

func (r *fileRequest) watch(out io.Writer, links bool) (any, error) {
	w := &watcher{path: r.Path, links: links, recursive: r.Recursive, max: r.Max, out: bufio.NewWriterSize(out, 16<<10)}
	if w.max <= 0 {
		w.max = foldersOwn
	}
	w.max = min(w.max, foldersMax)
	why, err := w.run()
	if err == nil {
		w.say(watchEvent{Event: "ended", Why: why})
		w.out.Flush()
	}
	return struct{}{}, err
}

// run watches until what is watched is no longer there, and says why.
func (w *watcher) run() (why string, err error) {
	defer func() { w.close() }()
	for begun := false; w.failed == nil; begun = true {
		if why, err = w.begin(); why != "" || err != nil {
			return why, err
		}
		if begun {
			w.say(watchEvent{Event: "overflow"})
		} else {
			w.say(watchEvent{Event: "watching", Folders: len(w.folders)})
		}
		for w.flush(); w.failed == nil && !w.lost; w.flush() {
			if why, err = w.turn(); why != "" || err != nil {
				return why, err
			}
		}
		w.close()
		time.Sleep(calmTime)
	}
	return "", w.failed
}

// begin watches everything anew. What happens from now on will be told.
func (w *watcher) begin() (why string, err error) {
	if w.queue, err = openKernelQueue(); err != nil {
		return "", err
	}
	fd, kind, why, err := w.look()
	if why != "" || err != nil {
		return why, err
	}
	defer syscall.Close(fd)
	mask := uint32(watchedInFolder)
	if w.isFile = kind == syscall.S_IFREG; w.isFile {
		mask = watchedOfFile
	}
	wd, err := w.queue.add(fd, mask)
	if err != nil {
		return "", err
	}
	w.root = &folder{wd: wd, id: w.id}
	w.folders = map[int32]*folder{wd: w.root}
	w.lost, w.overdue, w.read = false, 0, 0
	if w.recursive && !w.isFile {
		w.rootFD = fd
		w.scan(w.root, false)
		w.letGo()
	}
	return "", nil
}

func (w *watcher) close() {
	if w.queue != nil {
		w.queue.file.Close()
		w.queue = nil
	}
}

// look opens what is watched by its path, or says why that is over.
func (w *watcher) look() (fd int, kind uint32, why string, err error) {
	fd, err = openPlace(w.path, w.links)
	if w.root != nil && isGone(err) {
		return -1, 0, "removed", nil
	}
	if err != nil {
		return -1, 0, "", &os.PathError{Op: "watch", Path: w.path, Err: err}
	}
	id, kind, err := idOf(fd)
	switch {
	case err != nil:
	case w.root != nil && id != w.id:
		why = "replaced"
	case kind != syscall.S_IFDIR && kind != syscall.S_IFREG:
		err = failed(notRegular, "%s is neither a folder nor a plain file", w.path)
	case !may(fd, mayRead):
		err = failed(notPermitted, "the user may not read %s", w.path)
	}
	if w.id, w.looked = id, time.Now(); why != "" || err != nil {
		syscall.Close(fd)
	}
	return fd, kind, why, err
}

// isThere looks again where the last look is some time ago: what happens may be much, and its reader slow. Where the path does not lead there
// any more all begins anew, which says why.
func (w *watcher) isThere() bool {
	if w.lost || time.Since(w.looked) < lookTime {
		return !w.lost
	}
	id := w.id
	fd, _, why, err := w.look()
	if w.id = id; why != "" || err != nil {
		w.lost = true
		return false
	}
	syscall.Close(fd)
	return true
}

// turn waits for what happens, and tells it. Where the path does not lead there any more, nothing of it is: it may be where nobody may look.
func (w *watcher) turn() (why string, err error) {
	batch, bytes, err := w.queue.wait(checkTime)
	if err != nil {
		return "", err
	}
	w.ahead, w.read = w.overdue > 0, 0
	w.overdue = max(w.overdue-bytes, 0)
	fd, _, why, err := w.look()
	if why != "" || err != nil {
		return why, err
	}
	defer syscall.Close(fd)
	w.rootFD = fd
	w.tell(batch)
	w.letGo()
	if len(batch) > 0 {
		w.flush()
		time.Sleep(batchTime)
	}
	return "", nil
}

func (w *watcher) say(e watchEvent) {
	line, err := json.Marshal(e)
	if err == nil {
		_, err = w.out.Write(append(line, '\n'))
	}
	if w.failed == nil {
		w.failed = err
	}
}

func (w *watcher) flush() {
	if err := w.out.Flush(); w.failed == nil {
		w.failed = err
	}
}
