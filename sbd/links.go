package main

import (
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
)

const (
	linksMax    = 50_000
	followedMax = 256
)

// links yields the links below a folder, with their paths from there and where they lead. It follows those that lead to another folder, enters
// none of a name in exclude, and looks at no more than max entries, however many somebody has made: of each folder it holds a few at a time.
func (r *fileRequest) links(out io.Writer) (any, error) {
	w := linkWalk{root: path.Clean(r.Path), exclude: r.Exclude, left: r.Max, out: out, followed: map[string]bool{}}
	if w.left <= 0 || w.left > linksMax {
		w.left = linksMax
	}
	w.folders = []string{w.root}
	for len(w.folders) > 0 && !w.more {
		folder := w.folders[len(w.folders)-1]
		w.folders = w.folders[:len(w.folders)-1]
		if err := w.visit(folder); err != nil {
			return nil, err
		}
	}
	return map[string]bool{"more": w.more}, nil
}

type linkWalk struct {
	root     string
	exclude  []string
	left     int
	out      io.Writer
	folders  []string        // to be looked into
	followed map[string]bool // that links have led to
	more     bool
}

func (w *linkWalk) visit(folder string) error {
	dir, err := openIf(folder, syscall.S_IFDIR, safeToRead)
	if err != nil {
		return nil // it is gone, or was never there
	}
	defer dir.Close()
	for {
		entries, ended := dir.ReadDir(64)
		for _, entry := range entries {
			if w.left == 0 {
				w.more = true
				return nil
			}
			w.left--
			at := path.Join(folder, entry.Name())
			if entry.IsDir() && !slices.Contains(w.exclude, entry.Name()) {
				w.folders = append(w.folders, at)
			}
			if entry.Type() != fs.ModeSymlink {
				continue
			}
			if err := w.tell(at); err != nil {
				return err
			}
		}
		if ended != nil {
			return nil
		}
	}
}

func (w *linkWalk) tell(at string) error {
	target, err := os.Readlink(at)
	if err != nil {
		return nil
	}
	to, _ := filepath.EvalSymlinks(at)
	w.follow(to)
	name, err := filepath.Rel(w.root, at)
	if err != nil {
		return err
	}
	line, _ := json.Marshal(symlink{name, target, to})
	_, err = w.out.Write(append(line, '\n'))
	return err
}

// Where nothing of the image's may be changed by who is not root, and where nothing is a file.
var ofSystem = regexp.MustCompile(`^/((bin|sbin|lib(64)?|usr|etc|proc|sys|dev|tests|solution|sb)(/.*)?)?$`)

func (w *linkWalk) follow(to string) {
	within := w.root == "/" || to == w.root || strings.HasPrefix(to, w.root+"/")
	if within || ofSystem.MatchString(to) || w.followed[to] {
		return
	}
	if info, err := os.Stat(to); err != nil || !info.IsDir() {
		return
	}
	if len(w.followed) == followedMax {
		w.more = true
		return
	}
	w.followed[to] = true
	w.folders = append(w.folders, to)
}
