package main

import (
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// folder is one that is watched.
type folder struct {
	wd       int32
	id       fileID
	parent   *folder // nil for what was asked for
	name     string
	children map[string]*folder
	told     bool // that it was created, ahead of the kernel's event
	stale    bool // it was somewhere else already when something in it had to be looked at
	denied   bool // something in it could not be watched for lack of rights
}

// Paths of more bytes cannot be handed to the kernel, so neither to `read` nor to `list`.
const pathMax = 4096

func (f *folder) path() string {
	if f.parent == nil {
		return ""
	}
	return strings.Join(f.names(), "/")
}

func (f *folder) pathOf(name string) string {
	if f.parent == nil {
		return name
	}
	return f.path() + "/" + name
}

func (f *folder) names() []string {
	depth := 0
	for at := f; at.parent != nil; at = at.parent {
		depth++
	}
	names := make([]string, depth)
	for at := f; at.parent != nil; at = at.parent {
		depth--
		names[depth] = at.name
	}
	return names
}

func (f *folder) isBelow(above *folder) bool {
	for at := f; at != nil; at = at.parent {
		if at == above {
			return true
		}
	}
	return false
}

func (f *folder) put(parent *folder, name string) {
	f.takeOut()
	f.parent, f.name, f.told = parent, name, false
	if parent.children == nil {
		parent.children = map[string]*folder{}
	}
	parent.children[name] = f
}

func (f *folder) takeOut() {
	if f.parent != nil && f.parent.children[f.name] == f {
		delete(f.parent.children, f.name)
	}
}

// drop ends the watch of a folder and of all below it.
func (w *watcher) drop(f *folder) {
	if f == nil {
		return
	}
	w.letGo()
	f.takeOut()
	for below := []*folder{f}; len(below) > 0; {
		last := below[len(below)-1]
		below = below[:len(below)-1]
		for _, child := range last.children {
			below = append(below, child)
		}
		w.queue.remove(last.wd)
		delete(w.folders, last.wd)
	}
}

// reach opens a folder by its path, with the rights of the process. What lies there by now must be that folder: otherwise it counts as gone,
// and is looked at again when the kernel tells where it went.
func (w *watcher) reach(f *folder) (int, error) {
	if !w.isThere() {
		return -1, syscall.ENOENT
	}
	if w.reached == f {
		return w.reachedFD, nil
	}
	w.letGo()
	fd, err := descend(w.rootFD, f.names())
	if err == nil {
		var id fileID
		if id, _, err = idOf(fd); err == nil && id != f.id {
			err = syscall.ENOENT
		}
		if err != nil {
			syscall.Close(fd)
		}
	}
	if err != nil {
		f.stale = f.stale || isGone(err)
		return -1, err
	}
	w.reached, w.reachedFD = f, fd
	return fd, nil
}

// letGo closes what was reached last, so that a folder that is removed is not kept.
func (w *watcher) letGo() {
	if w.reached != nil {
		syscall.Close(w.reachedFD)
		w.reached = nil
	}
}

// add watches the folder of that name, which at holds; nil where nothing of it is to be watched.
func (w *watcher) add(parent *folder, at int, name string) (*folder, error) {
	if len(parent.pathOf(name)) > pathMax {
		return nil, failed(tooLarge, "the path is too long")
	}
	fd, err := syscall.Openat(at, name, lookAt|syscall.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	defer syscall.Close(fd)
	id, _, err := idOf(fd)
	if err != nil || id.device != w.root.id.device && isPseudo(fd) {
		return nil, err
	}
	wd, err := w.queue.add(fd, watchedInFolder)
	if err != nil {
		return nil, err
	}
	known, before := w.folders[wd], parent.children[name]
	if known != nil && known == before {
		return known, nil
	}
	if known != nil && parent.isBelow(known) {
		return nil, nil // a mount of a folder within itself
	}
	if known != nil || before != nil {
		// It was somewhere else when it was watched, or something else was here: nothing of either is known any more.
		w.drop(known)
		w.drop(before)
		if wd, err = w.queue.add(fd, watchedInFolder); err != nil {
			return nil, err
		}
	}
	if len(w.folders) >= w.max {
		w.queue.remove(wd)
		return nil, failed(tooManyWatches, "%d folders are watched", w.max)
	}
	child := &folder{wd: wd, id: id}
	w.folders[wd] = child
	child.put(parent, name)
	return child, nil
}

// isPseudo: the kernel reports no events there, and there is no end of folders.
func isPseudo(fd int) bool {
	var stat syscall.Statfs_t
	if syscall.Fstatfs(fd, &stat) != nil {
		return false
	}
	switch stat.Type {
	case 0x9fa0, 0x62656572, 0x27e0eb, 0x63677270: // proc, sysfs, cgroup, cgroup2
		return true
	}
	return false
}

// watchBelow watches the folder of that name, and all below it. Where it is told, so is what they hold: it was created before anybody looked.
func (w *watcher) watchBelow(parent *folder, name string, tell bool) {
	at, err := w.reach(parent)
	if err != nil {
		return
	}
	if child := w.addOrSay(parent, at, name); child != nil {
		w.scan(child, tell)
	}
}

// addOrSay tells where a folder cannot be watched, and why.
func (w *watcher) addOrSay(parent *folder, at int, name string) *folder {
	child, err := w.add(parent, at, name)
	if err != nil && !isGone(err) {
		why := failureOf(err).Reason
		parent.denied = parent.denied || why == notPermitted
		w.say(watchEvent{Event: "unwatched", Reason: why}.at(parent.pathOf(name)))
	}
	return child
}

// scan watches all folders below one. Where it is told, every entry counts as created. The events that wait are older than what it has found.
// A folder that is moved to and fro would be read for every move, so beyond some measure all is begun anew.
func (w *watcher) scan(f *folder, tell bool) {
	defer func() { w.ahead, w.overdue = true, w.queue.waiting() }()
	for queue := []*folder{f}; len(queue) > 0 && w.failed == nil && !w.lost; queue = queue[1:] {
		if w.read++; w.read > readsMax {
			w.lost = true
		}
		if at := queue[0]; w.folders[at.wd] == at {
			queue = append(queue, w.readFolder(at, tell)...)
		}
	}
}

// readFolder returns the folders that are to be read next.
func (w *watcher) readFolder(f *folder, tell bool) (next []*folder) {
	f.stale = false
	fd, err := w.reach(f)
	if err == nil {
		fd, err = syscall.Open(ofDescriptor(fd), safeToRead|syscall.O_DIRECTORY, 0)
	}
	if err != nil {
		if f.parent == nil {
			w.failed = err
		} else if !isGone(err) {
			w.unwatch(f, failureOf(err).Reason)
		}
		return nil
	}
	dir := os.NewFile(uintptr(fd), ofDescriptor(fd))
	defer dir.Close()
	for w.failed == nil && w.isThere() {
		entries, err := dir.ReadDir(256)
		for _, entry := range entries {
			if child := w.found(f, fd, entry, tell); child != nil {
				next = append(next, child)
			}
		}
		if err != nil {
			if err != io.EOF {
				f.stale = true
			}
			return next
		}
	}
	return nil
}

// found takes one entry of a folder, and returns it where that is a folder to be read.
func (w *watcher) found(f *folder, at int, entry fs.DirEntry, tell bool) *folder {
	name := entry.Name()
	before := f.children[name]
	if tell && (before == nil || !before.told) {
		w.say(watchEvent{Event: "created", Kind: kindOf(entry.Type())}.at(f.pathOf(name)))
	}
	if !entry.IsDir() {
		return nil
	}
	told := before != nil && before.told
	child := w.addOrSay(f, at, name)
	if child == nil || child == before && (!tell || told) {
		return nil
	}
	child.told = tell
	return child
}

// unwatch ends the watch of a folder that may not be, or cannot be, watched any more.
func (w *watcher) unwatch(f *folder, why reason) {
	path := f.path()
	if f.parent != nil {
		f.parent.denied = f.parent.denied || why == notPermitted
	}
	w.drop(f)
	w.say(watchEvent{Event: "unwatched", Reason: why}.at(path))
}
