package main

import (
	"bytes"
	"errors"
	"io"
	"math/rand"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"
)

func etc(t *testing.T, passwd, group string) string {
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "passwd"), []byte(passwd), 0o644)
	os.WriteFile(filepath.Join(dir, "group"), []byte(group), 0o644)
	return dir
}

func TestUsersAreThoseOfTheImage(t *testing.T) {
	dir := etc(t, "root:x:0:0::/root:/bin/sh\n#\nbad:x:1\nagent:x:1000:100::/home/agent:\n7:x:70:70::/seven:\nrel:x:9:9::home:\n", "staff:x:20:agent,root\nwheel:x:10:root\nagent:x:100:agent\n")
	for spec, want := range map[string]identity{
		"root":        {0, 0, "/root", []int{0, 20, 10}},
		"agent":       {1000, 100, "/home/agent", []int{100, 20}},
		"1000":        {1000, 100, "/home/agent", []int{100, 20}},
		"1000:0":      {1000, 0, "/home/agent", []int{0}},
		"agent:staff": {1000, 20, "/home/agent", []int{20}},
		"4321":        {4321, 0, "/", []int{0}},
		"4321:77":     {4321, 77, "/", []int{77}},
		"7":           {70, 70, "/seven", []int{70}},
		"rel":         {9, 9, "/", []int{9}},
	} {
		if got, err := resolveUser(spec, dir); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %+v, %v", spec, got, err)
		}
	}
	for _, spec := range []string{"nobody", "agent:none", ":", "-1", "+5", "4294967295", "99999999999", " 1000"} {
		if got, err := resolveUser(spec, dir); err == nil {
			t.Errorf("%q is %+v", spec, got)
		}
	}
}

func TestHomeOfAUserThatTheImageDoesNotKnow(t *testing.T) {
	for _, c := range []struct {
		uid, own   int
		home, want string
	}{
		{1000680000, 1000680000, "/opt/app", "/opt/app"},
		{1000680000, 1000680000, "", "/"},
		{1000680000, 1000680000, "app", "/"},
		{4321, 0, "/root", "/"},
		{0, 0, "/root", "/"},
	} {
		if got := homeOfUnknown(c.uid, c.own, c.home); got != c.want {
			t.Errorf("%+v is at home in %s", c, got)
		}
	}
}

func TestUserFilesThatAreNoneKnowNobody(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "passwd")
	for name, plant := range map[string]func(){
		"a FIFO":           func() { syscall.Mkfifo(path, 0o644) },
		"a device":         func() { os.Symlink("/dev/zero", path) },
		"a folder":         func() { os.Mkdir(path, 0o755) },
		"a loop":           func() { os.Symlink(path, path) },
		"nothing":          func() {},
		"beyond measure":   func() { os.WriteFile(path, nil, 0o644); os.Truncate(path, 1<<40) },
		"one endless line": func() { os.WriteFile(path, bytes.Repeat([]byte("root:"), 1<<18), 0o644) },
	} {
		os.RemoveAll(path)
		plant()
		if _, err := resolveUser("root", dir); err == nil {
			t.Errorf("%s knows root", name)
		}
		if id, err := resolveUser("0", dir); err != nil || id.UID != 0 {
			t.Errorf("%s keeps 0 from being a user: %v", name, err)
		}
	}
}

func TestEnvironment(t *testing.T) {
	env, err := environment([]string{"A=1", "HOME=/x", "B=2"}, "/home/agent", map[string]string{"B": "3", "C": "a=b\nc"})
	if want := []string{"A=1", "B=3", "C=a=b\nc", "HOME=/home/agent"}; err != nil || !reflect.DeepEqual(env, want) {
		t.Fatal(env, err)
	}
	for _, name := range []string{"", "A=B", "A\x00"} {
		if _, err := environment(nil, "/", map[string]string{name: ""}); err == nil {
			t.Errorf("%q can be set", name)
		}
	}
}

func TestStatOfAnyName(t *testing.T) {
	rest := " S 4 5 6 0 -1 0 0 0 0 0 0 0 0 0 20 0 3 0 777 0"
	for _, name := range []string{"a", "a b", "a) R 9 9 9", "\n)(", ""} {
		p, ok := parseStat(8, []byte("8 ("+name+")"+rest))
		if want := (process{pid: 8, parent: 4, session: 6, threads: 3, state: 'S', start: 777}); !ok || p != want {
			t.Errorf("%q: %+v", name, p)
		}
	}
	if _, ok := parseStat(8, []byte("8 (x) S 1")); ok {
		t.Error("a cut line is read")
	}
}

func TestRelated(t *testing.T) {
	all := []process{{pid: 5, parent: 4}, {pid: 4, parent: 2}, {pid: 2, parent: 1}, {pid: 3, parent: 1}}
	in := map[int]bool{2: true}
	if found := related(all, in, func(p process) bool { return p.pid != 5 }); len(found) != 2 {
		t.Fatal(found)
	}
	// Who has lost its parent meanwhile stays found.
	if found := related([]process{{pid: 4, parent: 1}}, in, func(process) bool { return true }); len(found) != 1 {
		t.Fatal(found)
	}
}

// A courier that attaches at random offsets gets every byte that is kept, at its offset.
func TestOutletKeepsTheLastBytes(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	whole := make([]byte, 700_000)
	random.Read(whole)
	for range 20 {
		o := newOutlet(chOutput)
		go func() {
			o.Write(whole)
			o.end()
		}()
		got, at := make([]byte, len(whole)), uint64(0)
		for at < uint64(len(whole)) {
			read, write, _ := os.Pipe()
			l := &link{conn: write}
			attached := make(chan struct{})
			go func() {
				o.mu.Lock()
				o.attach(l, 1, min(max(at, o.kept()), o.head))
				o.mu.Unlock()
				close(attached)
			}()
			buffer := make([]byte, headerBytes+payloadMax)
			for frames := random.Intn(6) + 1; frames > 0; frames-- {
				f, err := readFrame(read, buffer)
				if err != nil {
					t.Fatal(err)
				}
				_, offset, raw, _ := f.onChannel()
				if f.kind == typeEOF {
					if offset != uint64(len(whole)) {
						t.Fatal("ended at", offset)
					}
					break
				}
				if offset != at {
					t.Fatalf("came %d where %d was due", offset, at)
				}
				at += uint64(copy(got[at:], raw))
				go o.credit(at + window)
			}
			read.Close() // the connection is lost
			write.Close()
			<-attached
			o.detach(l)
		}
		if !bytes.Equal(got, whole) {
			t.Fatal("other bytes")
		}
		if len(o.ring) > window {
			t.Fatal(len(o.ring))
		}
		o.drop(errors.New("over"))
	}
	if memory.left != 32<<20 {
		t.Fatal("memory was not given back:", memory.left)
	}
}

// A courier says what it has taken when that is a quarter of a window: more than a ring holds where memory is short.
func TestOutletGoesOnWithoutMemory(t *testing.T) {
	all := memory.left
	memory.take(all)
	defer memory.give(all)
	o := newOutlet(chOutput)
	read, write, _ := os.Pipe()
	l := &link{conn: write}
	o.mu.Lock()
	o.attach(l, 1, 0)
	o.mu.Unlock()
	go func() { o.Write(make([]byte, 1<<20)); o.end() }()
	buffer := make([]byte, headerBytes+payloadMax)
	for taken, said := uint64(0), uint64(0); ; {
		f, err := readFrame(read, buffer)
		if err != nil {
			t.Fatal(err)
		}
		if f.kind == typeEOF {
			break
		}
		_, _, raw, _ := f.onChannel()
		if taken += uint64(len(raw)); taken >= said+window/4 {
			said = taken
			go o.credit(taken + window) // whoever sends holds the lock, until somebody reads
		}
	}
	if len(o.ring) != ringLeast {
		t.Fatal(len(o.ring))
	}
	l.conn.Close()
}

func TestOutletStopsWhereNobodyReads(t *testing.T) {
	o := newOutlet(chOutput)
	written := make(chan int, 1)
	go func() { n, _ := o.Write(make([]byte, 1<<20)); written <- n }()
	time.Sleep(50 * time.Millisecond)
	if total := o.total(); total > window {
		t.Fatal(total)
	}
	o.drop(io.ErrClosedPipe)
	if n := <-written; n > window {
		t.Fatal(n)
	}
}

func TestInboxTakesWhatIsAllowed(t *testing.T) {
	i := newInbox(stdinWindow)
	if err := i.put(0, make([]byte, stdinWindow)); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []struct {
		offset uint64
		length int
	}{{stdinWindow, 1}, {0, 1}, {stdinWindow + 5, 0}, {offsetMax, 100}} {
		if err := i.put(bad.offset, make([]byte, bad.length)); err == nil {
			t.Error(bad)
		}
	}
	i.Read(make([]byte, stdinWindow/2))
	if err := i.put(stdinWindow, make([]byte, stdinWindow/2)); err != nil {
		t.Fatal(err)
	}
	i.close(nil)
	if rest, err := io.ReadAll(i); err != nil || len(rest) != stdinWindow {
		t.Fatal(len(rest), err)
	}
}

func TestInboxOfAFileTakesTwoFramesAndGivesThemBackInAnyPieces(t *testing.T) {
	i := newInbox(fileWindow)
	i.attach(nil, 1)
	if i.granted != fileWindow {
		t.Fatal(i.granted)
	}
	var sent, came []byte
	piece := make([]byte, 7000)
	for round := range 200 {
		frame := bytes.Repeat([]byte{byte(round)}, min(dataMax, int(i.granted-i.received)))
		if err := i.put(i.received, frame); err != nil {
			t.Fatal(err)
		}
		sent = append(sent, frame...)
		for range 1 + round%12 {
			if i.taken == len(i.waiting) {
				break
			}
			n, err := i.Read(piece)
			if err != nil {
				t.Fatal(err)
			}
			came = append(came, piece[:n]...)
		}
		if cap(i.waiting) > 2*fileWindow {
			t.Fatalf("it holds %d bytes", cap(i.waiting))
		}
	}
	i.close(nil)
	rest, err := io.ReadAll(i)
	if err != nil || !bytes.Equal(append(came, rest...), sent) {
		t.Fatal("other bytes came out than went in", err)
	}
	if len(sent) < 8*fileWindow {
		t.Fatal(len(sent))
	}
}

func TestGarbageIsCollectedAndNotWhileAChildIsMade(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	collections := func() uint32 {
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return stats.NumGC
	}
	c := newCommands()
	start := c.collect(0)
	for range 64 {
		kept = make([]byte, 64<<10)
	}
	before := collections()
	c.forking.Lock()
	next := make(chan uint64)
	go func() { next <- c.collect(start) }()
	time.Sleep(20 * time.Millisecond)
	if collections() != before {
		t.Fatal("it was collected while a child was made")
	}
	c.forking.Unlock()
	if now := <-next; collections() != before+1 || c.collect(now) != now || collections() != before+1 {
		t.Fatal("it was not collected once")
	}
}

var kept []byte

func TestReasonsOfErrors(t *testing.T) {
	for err, want := range map[error]reason{
		&os.PathError{Op: "open", Path: "/x", Err: syscall.ENOENT}: notFound, syscall.ENOSPC: noSpace, syscall.EAGAIN: tooManyProcesses,
		errors.New("x"): internal, failed(badArchive, "x"): badArchive,
	} {
		if got := failureOf(err); got.Reason != want {
			t.Errorf("%v is %s", err, got.Reason)
		}
	}
	if f := failed(internal, "%s", strings.Repeat("x", 5000)); len(f.Message) != 1024 {
		t.Error(len(f.Message))
	}
}

func TestSecretsAreProven(t *testing.T) {
	secret := bytes.Repeat([]byte{1}, 32)
	if proofOf("sbd", secret, "a", "b") == proofOf("courier", secret, "a", "b") || proofOf("sbd", secret, "a", "b") == proofOf("sbd", secret, "b", "a") {
		t.Fatal("a proof fits another question")
	}
	// The same in src/wire/hand/proof.ts, by the vectors.
	for _, vector := range readVectors(t).Good {
		if vector.Frame["type"] != "proof" {
			continue
		}
		known := strings.Repeat("0123456789abcdef", 4)
		if want := vector.Frame["body"].(map[string]any)["proof"]; want != proofOf("sbd", unhex(t, known), known, strings.Repeat("f", 64)) {
			t.Fatal("the two sides prove differently")
		}
	}
}
