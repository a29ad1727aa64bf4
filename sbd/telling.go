package main

import (
	"os"
	"syscall"
)

// tell tells what has happened, in its order. What was moved is told once.
func (w *watcher) tell(batch []happening) {
	targets := map[uint32]int{}
	for i, h := range batch {
		if h.is(syscall.IN_MOVED_TO) {
			targets[h.cookie] = i
		}
	}
	changed := map[place]bool{}
	for i, h := range batch {
		f := w.folders[h.wd]
		switch {
		case h.is(syscall.IN_Q_OVERFLOW):
			w.lost = true
		case f == nil || h.mask == 0:
			continue
		case h.is(syscall.IN_MOVED_FROM):
			if to, known := targets[h.cookie]; known && to > i && w.folders[batch[to].wd] != nil {
				target := batch[to]
				batch[to].mask = 0
				goal := place{w.folders[target.wd], target.name}
				w.moved(move{place{f, h.name}, goal}, h.isFolder())
				delete(changed, goal)
			} else {
				w.anew(h.isFolder(), place{f, h.name}) // it may have changed places with what is not watched
			}
		case h.is(syscall.IN_MODIFY):
			if at := (place{f, h.name}); !changed[at] {
				changed[at] = true
				w.say(watchEvent{Event: "modified", Kind: w.kindOf(f, h)}.at(f.pathOf(h.name)))
			}
			continue
		default:
			w.happened(f, h)
		}
		delete(changed, place{f, h.name})
		if w.lost || w.failed != nil {
			return
		}
	}
}

func (w *watcher) happened(f *folder, h happening) {
	switch {
	case h.is(syscall.IN_CREATE | syscall.IN_MOVED_TO):
		w.appeared(f, h)
	case h.is(syscall.IN_DELETE):
		w.removed(f, h.name, h.isFolder())
	case h.is(syscall.IN_IGNORED): // it was removed before that was told, or is a mount no more
		w.drop(f)
		if w.lost = f.parent == nil; !w.lost {
			w.retry(f.parent, f.name)
		}
	case h.is(syscall.IN_ATTRIB) && w.recursive && h.isFolder() && h.name != "":
		w.retry(f, h.name)
	case h.is(syscall.IN_ATTRIB) && w.recursive && h.name == "" && !w.isFile:
		w.recheck(f)
	}
}

// kindOf is what lies there now; empty where nothing does.
func (w *watcher) kindOf(f *folder, h happening) string {
	if h.isFolder() {
		return "directory"
	}
	if w.isFile {
		return "file"
	}
	return w.kindAt(f, h.name)
}

func (w *watcher) kindAt(f *folder, name string) string {
	fd, err := w.reach(f)
	if err != nil {
		return ""
	}
	info, err := os.Lstat(ofDescriptor(fd) + "/" + name)
	if err != nil {
		return ""
	}
	return kindOf(info.Mode())
}

func (w *watcher) appeared(f *folder, h happening) {
	if child := f.children[h.name]; h.isFolder() && child != nil && child.told {
		child.told = false // it was told when its parent was read
		return
	}
	w.say(watchEvent{Event: "created", Kind: w.kindOf(f, h)}.at(f.pathOf(h.name)))
	if h.isFolder() && w.recursive {
		w.watchBelow(f, h.name, true)
	}
}

func (w *watcher) removed(f *folder, name string, isFolder bool) {
	e := watchEvent{Event: "removed"}.at(f.pathOf(name))
	if isFolder {
		e.Kind = "directory"
	}
	w.drop(f.children[name]) // also where it was a file: the folder that is there by now will be told
	w.say(e)
}

// moved tells one move, unless more than that has happened: two files that change places are two moves of the kernel's, of which the second
// would undo the first; and where what is known is newer than the events, something else may have the name by now.
func (w *watcher) moved(m move, isFolder bool) {
	if w.ahead || w.kindAt(m.from.folder, m.from.name) != "" {
		w.anew(isFolder, m.from, m.to)
		return
	}
	e := watchEvent{Event: "moved"}.at(m.to.path()).from(m.from.path())
	if !isFolder {
		e.Kind = w.kindAt(m.to.folder, m.to.name)
		w.say(e)
		return
	}
	e.Kind = "directory"
	w.say(e)
	if w.recursive {
		w.follow(m)
	}
}

func (p place) path() string { return p.folder.pathOf(p.name) }

// follow puts a folder that has moved to its new place among those that are watched.
func (w *watcher) follow(m move) {
	child, there := m.from.folder.children[m.from.name], m.to.folder.children[m.to.name]
	if child == nil && there != nil {
		if _, err := w.reach(there); err == nil { // it was found there before
			there.told = false
			w.settle(there)
			return
		}
	}
	if child != nil && m.to.folder.isBelow(child) {
		w.lost = true
		return
	}
	if child != nil {
		w.drop(there)
	}
	if child == nil || w.folders[child.wd] != child {
		w.watchBelow(m.to.folder, m.to.name, true)
		return
	}
	w.letGo()
	child.put(m.to.folder, m.to.name)
	if _, err := w.reach(child); err != nil && !isGone(err) {
		w.unwatch(child, failureOf(err).Reason) // it is where the user may not look
		return
	}
	w.settle(child)
}

// settle looks again at what could not be looked at while a folder was on its way, and lets go what is too deep now.
func (w *watcher) settle(f *folder) {
	for queue := []*folder{f}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if w.folders[at.wd] != at {
			continue
		}
		if len(at.path()) > pathMax {
			w.unwatch(at, tooLarge)
			continue
		}
		if at.stale {
			w.scan(at, true)
		}
		for _, child := range at.children {
			queue = append(queue, child)
		}
	}
}

// anew forgets what is known of some places, and tells what is there now.
func (w *watcher) anew(isFolder bool, places ...place) {
	for _, at := range places {
		w.removed(at.folder, at.name, isFolder)
	}
	for _, at := range places {
		kind := w.kindAt(at.folder, at.name)
		if kind == "" || w.folders[at.folder.wd] != at.folder {
			continue
		}
		w.say(watchEvent{Event: "created", Kind: kind}.at(at.path()))
		if kind == "directory" && w.recursive {
			w.watchBelow(at.folder, at.name, true)
		}
	}
}

// retry: a folder that could not be watched may be readable now.
func (w *watcher) retry(f *folder, name string) {
	at, err := w.reach(f)
	if err != nil || f.children[name] != nil {
		return
	}
	if child, err := w.add(f, at, name); err == nil && child != nil {
		w.say(watchEvent{Event: "created", Kind: "directory"}.at(f.pathOf(name)))
		w.scan(child, true)
	}
}

// recheck: the rights to a folder may have changed. What the user may not list any more is not told either.
func (w *watcher) recheck(f *folder) {
	fd, err := w.reach(f)
	if isGone(err) {
		return
	}
	if f.parent != nil && (err != nil || !may(fd, mayRead)) {
		w.unwatch(f, notPermitted)
		return
	}
	switch searchable := may(fd, maySearch); {
	case !searchable:
		for _, child := range f.children {
			w.unwatch(child, notPermitted)
		}
	case f.denied:
		f.denied = false
		w.scan(f, true)
	}
}
