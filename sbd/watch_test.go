package main

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// watching is a watch that a test reads.
type watching struct {
	t      *testing.T
	lines  *bufio.Scanner
	out    *os.File
	result chan error
}

func startWatch(t *testing.T, r fileRequest) *watching {
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	w := &watching{t: t, lines: bufio.NewScanner(out), out: out, result: make(chan error, 1)}
	go func() {
		_, err := r.watch(in, true)
		in.Close()
		w.result <- err
	}()
	t.Cleanup(func() { out.Close() })
	return w
}

// next reads one event. Its pathHex, where there is one, becomes its path.
func (w *watching) next() watchEvent {
	w.t.Helper()
	w.out.SetReadDeadline(time.Now().Add(20 * time.Second))
	if !w.lines.Scan() {
		w.t.Fatal("no event came: ", w.lines.Err())
	}
	return readEvent(w.t, w.lines.Bytes())
}

func readEvent(t testing.TB, line []byte) (e watchEvent) {
	if err := strict(line, &e); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	for text, path := range map[*string]*string{&e.PathHex: e.Path, &e.FromHex: e.From} {
		if *text != "" {
			raw, err := hex.DecodeString(*text)
			if err != nil {
				t.Fatal(err)
			}
			*path, *text = string(raw), ""
		}
	}
	return e
}

// said is an event in short.
func said(e watchEvent) string {
	text := e.Event
	if e.From != nil {
		text += " " + *e.From + " to"
	}
	if e.Path != nil {
		text += " " + *e.Path
	}
	return strings.TrimSpace(text + " " + e.Kind + string(e.Reason) + e.Why)
}

// expect reads until all of these have come, in this order; others may come between.
func (w *watching) expect(wanted ...string) {
	w.t.Helper()
	for _, want := range wanted {
		var seen []string
		for end := time.Now().Add(10 * time.Second); ; {
			got := said(w.next())
			if got == want {
				break
			}
			if seen = append(seen, got); time.Now().After(end) {
				w.t.Fatalf("%s did not come, but %q", want, seen)
			}
		}
	}
}

func (w *watching) ended() error {
	w.t.Helper()
	select {
	case err := <-w.result:
		return err
	case <-time.After(10 * time.Second):
		w.t.Fatal("the watch goes on")
		return nil
	}
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func TestWatchTellsWhatHappens(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	must(t, os.WriteFile(at("old"), nil, 0o644), os.MkdirAll(at("deep/er"), 0o755))
	w := startWatch(t, fileRequest{Path: dir, Recursive: true})
	if first := w.next(); first.Event != "watching" || first.Folders != 3 {
		t.Fatal(said(first))
	}
	must(t, os.WriteFile(at("deep/er/new"), []byte("x"), 0o644))
	w.expect("created deep/er/new file", "modified deep/er/new file")
	must(t, os.Rename(at("old"), at("deep/moved")), os.Symlink("/etc", at("link")), syscall.Mkfifo(at("fifo"), 0o644))
	w.expect("moved old to deep/moved file", "created link link", "created fifo fifo")
	must(t, os.Rename(at("deep"), at("other")), os.WriteFile(at("other/er/late"), nil, 0o644))
	w.expect("moved deep to other directory", "created other/er/late file")
	must(t, os.Rename(at("other/er"), t.TempDir()+"/out"))
	w.expect("removed other/er directory")
	must(t, os.RemoveAll(at("other")))
	w.expect("removed other/moved", "removed other directory")
	must(t, os.RemoveAll(dir))
	w.expect("ended removed")
	must(t, w.ended())
}

func TestWatchSeesWhatNewFoldersHold(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	must(t, os.MkdirAll(outside+"/a/b/c", 0o755), os.WriteFile(outside+"/a/b/c/file", nil, 0o644))
	w := startWatch(t, fileRequest{Path: dir, Recursive: true})
	w.expect("watching")
	must(t, os.Rename(outside+"/a", dir+"/a"))
	w.expect("created a directory", "created a/b directory", "created a/b/c directory", "created a/b/c/file file")
	for i := range 50 {
		must(t, os.MkdirAll(fmt.Sprintf("%s/n%d/x/y", dir, i), 0o755), os.WriteFile(fmt.Sprintf("%s/n%d/x/y/z", dir, i), nil, 0o644))
		w.expect(fmt.Sprintf("created n%d/x/y/z file", i))
	}
}

func TestWatchOfOneFolderSeesNoOther(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Mkdir(dir+"/sub", 0o755))
	w := startWatch(t, fileRequest{Path: dir})
	w.expect("watching")
	must(t, os.WriteFile(dir+"/sub/hidden", nil, 0o644), os.Mkdir(dir+"/new", 0o755), os.WriteFile(dir+"/new/hidden", nil, 0o644))
	must(t, os.WriteFile(dir+"/end", nil, 0o644))
	if e := w.next(); said(e) != "created new directory" {
		t.Fatal(said(e))
	}
	if e := w.next(); said(e) != "created end file" {
		t.Fatal(said(e))
	}
}

func TestWatchOfAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o644))
	w := startWatch(t, fileRequest{Path: file, Recursive: true})
	w.expect("watching")
	must(t, os.WriteFile(file, []byte("x"), 0o644))
	w.expect("modified  file")
	must(t, os.WriteFile(file+".new", nil, 0o644), os.Rename(file+".new", file))
	w.expect("ended replaced")
	must(t, w.ended())
	w = startWatch(t, fileRequest{Path: file})
	w.expect("watching")
	must(t, os.Remove(file))
	w.expect("ended removed")
}

func TestWatchEndsWhereItsPathLeadsElsewhere(t *testing.T) {
	for name, change := range map[string]func(top string) error{
		"ended removed": func(top string) error { return os.Rename(top+"/a", top+"/elsewhere") },
		"ended replaced": func(top string) error {
			return errors.Join(os.Rename(top+"/a/b", top+"/elsewhere"), os.Symlink(os.TempDir(), top+"/a/b"))
		},
	} {
		top := t.TempDir()
		must(t, os.MkdirAll(top+"/a/b", 0o755))
		w := startWatch(t, fileRequest{Path: top + "/a/b", Recursive: true})
		w.expect("watching")
		must(t, change(top), os.WriteFile(top+"/elsewhere/secret", nil, 0o644))
		// It may be looked at between the two steps.
		if got := said(w.next()); got != name && got != "ended removed" {
			t.Errorf("%s: %s", name, got)
		}
		must(t, w.ended())
	}
}

func TestWatchRefusesWhatCannotBeWatched(t *testing.T) {
	dir := t.TempDir()
	must(t, syscall.Mkfifo(dir+"/fifo", 0o644), os.Symlink(dir, dir+"/link"), os.Mkdir(dir+"/sub", 0o755))
	for path, want := range map[string]reason{dir + "/fifo": notRegular, "/dev/null": notRegular, dir + "/none": notFound, dir + "/fifo/x": notDirectory} {
		if _, err := (&fileRequest{Path: path}).watch(io.Discard, true); err == nil || failureOf(err).Reason != want {
			t.Errorf("%s: %v", path, err)
		}
	}
	// With sbd's own rights no link is followed, wherever on the path it is.
	for path, want := range map[string]reason{dir + "/link": notRegular, dir + "/link/sub": notDirectory} {
		if _, err := (&fileRequest{Path: path}).watch(io.Discard, false); err == nil || failureOf(err).Reason != want {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestWatchNeverFollowsALink(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	must(t, os.Mkdir(dir+"/folder", 0o755), os.Symlink(outside, dir+"/link"))
	w := startWatch(t, fileRequest{Path: dir, Recursive: true})
	w.expect("watching")
	must(t, os.Remove(dir+"/folder"), os.Symlink(outside, dir+"/folder"), os.WriteFile(outside+"/secret", nil, 0o644))
	must(t, os.WriteFile(dir+"/end", nil, 0o644))
	for e := w.next(); said(e) != "created end file"; e = w.next() {
		if strings.Contains(said(e), "secret") {
			t.Fatal(said(e))
		}
	}
}

func TestWatchSaysWhatIsBeyondItsBounds(t *testing.T) {
	dir := t.TempDir()
	must(t, os.MkdirAll(dir+"/a", 0o755), os.MkdirAll(dir+"/b", 0o755))
	w := startWatch(t, fileRequest{Path: dir, Recursive: true, Max: 3})
	w.expect("watching")
	must(t, os.MkdirAll(dir+"/c", 0o755))
	w.expect("created c directory", "unwatched c TooManyWatches")
	must(t, os.RemoveAll(dir+"/a"), os.MkdirAll(dir+"/d/e", 0o755))
	w.expect("removed a directory", "created d directory", "created d/e directory", "unwatched d/e TooManyWatches")
}

// A folder deeper than any path may be, made step by step, and one that gets there by moving.
func TestWatchOfFoldersDeeperThanAnyPath(t *testing.T) {
	dir := t.TempDir()
	name := strings.Repeat("x", 250)
	var deep func(at int, left int)
	deep = func(at int, left int) {
		if left == 0 {
			return
		}
		must(t, syscall.Mkdirat(at, name, 0o755))
		next, err := syscall.Openat(at, name, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
		must(t, err)
		deep(next, left-1)
		syscall.Close(next)
	}
	must(t, os.Mkdir(dir+"/a", 0o755), os.Mkdir(dir+"/b", 0o755))
	w := startWatch(t, fileRequest{Path: dir, Recursive: true})
	w.expect("watching")
	a, err := syscall.Open(dir+"/a", syscall.O_RDONLY, 0)
	must(t, err)
	deep(a, 30)
	for e := w.next(); ; e = w.next() {
		if len(*e.Path) > pathMax+256 {
			t.Fatal(len(*e.Path))
		}
		if e.Reason == tooLarge {
			break
		}
	}
	b, err := syscall.Open(dir+"/b", syscall.O_RDONLY, 0)
	must(t, err)
	deep(b, 10)
	must(t, os.WriteFile(dir+"/mark", nil, 0o644))
	w.expect("created mark file")
	at := dir + "/a" + strings.Repeat("/"+name, 8)
	must(t, os.Rename(dir+"/b", at+"/b"), os.WriteFile(dir+"/end", nil, 0o644))
	unwatched := 0
	for e := w.next(); said(e) != "created end file"; e = w.next() {
		if e.Reason == tooLarge {
			unwatched++
		}
	}
	if unwatched == 0 {
		t.Error("what is too deep is still watched, or nobody was told")
	}
}

func TestWatchTellsOfNamesOfAnyBytes(t *testing.T) {
	dir := t.TempDir()
	w := startWatch(t, fileRequest{Path: dir, Recursive: true})
	w.expect("watching")
	for _, name := range []string{"new\nline", "\xff\xfe", "\"quoted\\", "<&>\u2028\u0000"[:6], strings.Repeat("\x80", 255), strings.Repeat("\x01", 255), "{}", " "} {
		name = strings.TrimRight(name, "\x00")
		must(t, os.Mkdir(filepath.Join(dir, name), 0o755), os.WriteFile(filepath.Join(dir, name, name), nil, 0o644))
		w.expect("created " + name + "/" + name + " file")
	}
}

// A reader that takes nothing, while more happens than the kernel keeps: it is told, and knows all after it has listed again.
func TestWatchTellsOfALoss(t *testing.T) {
	dir := t.TempDir()
	w := startWatch(t, fileRequest{Path: dir, Recursive: true})
	w.expect("watching")
	for i := range 30_000 {
		must(t, os.Mkdir(fmt.Sprintf("%s/%d", dir, i%40), 0o755))
		if i%40 != 39 {
			continue
		}
		for j := range 40 {
			must(t, os.Remove(fmt.Sprintf("%s/%d", dir, j)))
		}
	}
	must(t, os.MkdirAll(dir+"/made/while/lost", 0o755))
	w.expect("overflow")
	must(t, os.WriteFile(dir+"/made/while/lost/file", nil, 0o644))
	w.expect("created made/while/lost/file file")
}

// told is what a reader makes of the events; true where it is a folder.
type told map[string]bool

func (m told) remove(path string) {
	for at := range m {
		if at == path || strings.HasPrefix(at, path+"/") {
			delete(m, at)
		}
	}
}

func (m told) take(e watchEvent, dir string) {
	switch e.Event {
	case "created":
		m[*e.Path] = e.Kind == "directory"
	case "removed":
		m.remove(*e.Path)
	case "moved":
		m.remove(*e.Path)
		for at, isFolder := range m {
			if at == *e.From || strings.HasPrefix(at, *e.From+"/") {
				delete(m, at)
				m[*e.Path+strings.TrimPrefix(at, *e.From)] = isFolder
			}
		}
		m[*e.Path] = e.Kind == "directory"
	case "overflow":
		m.empty()
		for at, isFolder := range listed(dir) {
			m[at] = isFolder
		}
	}
}

func (m told) empty() {
	for at := range m {
		delete(m, at)
	}
}

func listed(dir string) told {
	found := told{}
	filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if name, _ := filepath.Rel(dir, path); err == nil && name != "." {
			found[name] = entry.IsDir()
		}
		return nil
	})
	return found
}

// Whatever a hostile container does to its files, a reader that believes the events knows in the end what is there.
func TestWatchTellsEnoughToFollowATree(t *testing.T) {
	for seed := range int64(4) {
		for _, hands := range []int{1, 3} {
			followRandomTree(t, seed, hands)
		}
	}
}

func followRandomTree(t *testing.T, seed int64, hands int) {
	dir := t.TempDir()
	w := startWatch(t, fileRequest{Path: dir, Recursive: true})
	w.expect("watching")
	var working sync.WaitGroup
	for hand := range hands {
		working.Go(func() { disturb(dir, rand.New(rand.NewSource(seed*10+int64(hand))), 1500) })
	}
	go func() {
		working.Wait()
		os.WriteFile(dir+"/end", nil, 0o644)
	}()
	known := told{}
	var history []string
	for {
		e := w.next()
		known.take(e, dir)
		history = append(history, said(e))
		if _, over := known["end"]; over {
			break
		}
	}
	if is := listed(dir); !reflect.DeepEqual(known, is) {
		var wrong []string
		for at := range is {
			if known[at] != is[at] {
				wrong = append(wrong, "missing "+at)
			}
		}
		for at := range known {
			if _, there := is[at]; !there {
				wrong = append(wrong, "left "+at)
			}
		}
		t.Errorf("seed %d, %d hands, %d events: %q; the last ones: %q", seed, hands, len(history), wrong, history[max(0, len(history)-30):])
	}
	// And every folder that is there is watched.
	for at, isFolder := range listed(dir) {
		if isFolder {
			must(t, os.WriteFile(filepath.Join(dir, at, "last"), nil, 0o644))
			w.expect("created " + at + "/last file")
		}
	}
	must(t, os.RemoveAll(dir))
	w.expect("ended removed")
	must(t, w.ended())
}

// disturb makes, moves, exchanges and removes files and folders, with few names so that they meet.
func disturb(dir string, random *rand.Rand, times int) {
	const exchange = 2
	any := func() string {
		path := dir
		for range 1 + random.Intn(3) {
			path += "/" + string(rune('a'+random.Intn(4)))
		}
		return path
	}
	for range times {
		switch random.Intn(9) {
		case 0:
			os.WriteFile(any(), []byte("x"), 0o644)
		case 1:
			os.Mkdir(any(), 0o755)
		case 2:
			os.MkdirAll(any()+"/b/c", 0o755)
		case 3:
			os.Remove(any())
		case 4:
			os.RemoveAll(any())
		case 5, 6:
			os.Rename(any(), any())
		case 7:
			renameat2(any(), any(), exchange)
		case 8:
			os.Symlink(dir, any())
		}
	}
}

func renameat2(from, to string, flags uintptr) {
	number := map[string]uintptr{"amd64": 316, "arm64": 276}[runtime.GOARCH]
	a, _ := syscall.BytePtrFromString(from)
	b, _ := syscall.BytePtrFromString(to)
	at := atFDCWD
	syscall.Syscall6(number, uintptr(at), uintptr(unsafe.Pointer(a)), uintptr(at), uintptr(unsafe.Pointer(b)), flags, 0)
}

func FuzzHappenings(f *testing.F) {
	f.Add([]byte{})
	f.Add(make([]byte, 47))
	raw := binary.LittleEndian.AppendUint32(nil, 1)
	raw = binary.LittleEndian.AppendUint32(raw, syscall.IN_MOVED_FROM|syscall.IN_ISDIR)
	raw = binary.LittleEndian.AppendUint32(raw, 7)
	raw = binary.LittleEndian.AppendUint32(raw, 16)
	raw = append(append(raw, "a"...), make([]byte, 15)...)
	f.Add(raw)
	dir := f.TempDir()
	os.MkdirAll(dir+"/a/b", 0o755)
	os.MkdirAll(dir+"/c", 0o755)
	queue, err := openKernelQueue()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		out := &strings.Builder{}
		w := &watcher{path: dir, recursive: true, max: 10, out: bufio.NewWriter(out), queue: queue, folders: map[int32]*folder{}}
		fd, _, _, err := w.look()
		must(t, err)
		defer syscall.Close(fd)
		wd, err := queue.add(fd, watchedInFolder)
		must(t, err)
		w.rootFD, w.root = fd, &folder{wd: wd, id: w.id}
		w.folders[wd] = w.root
		w.scan(w.root, false)
		all := happenings(raw)
		for i := range all {
			all[i].wd = wd + all[i].wd%5 // about those that there are, or were
		}
		w.tell(all)
		w.letGo()
		w.flush()
		for line := range strings.Lines(out.String()) {
			readEvent(t, []byte(line))
		}
		for wd, at := range w.folders {
			if at.wd != wd || at.parent != nil && at.parent.children[at.name] != at || !at.isBelow(w.root) {
				t.Fatalf("%d is not in its place", wd)
			}
		}
	})
}

func FuzzNamesInEvents(f *testing.F) {
	f.Add("a/b")
	f.Add("\xff\n\"")
	f.Fuzz(func(t *testing.T, path string) {
		line, err := json.Marshal(watchEvent{Event: "moved"}.at(path).from(path))
		if err != nil || strings.Contains(string(line), "\n") {
			t.Fatal(string(line), err)
		}
		if e := readEvent(t, line); *e.Path != path || *e.From != path {
			t.Fatalf("%q became %q", path, *e.Path)
		}
	})
}
