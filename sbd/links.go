package main

import (
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"syscall"
)

const linksMax = 50_000

// links yields the links below a folder, with their paths from there. It enters no folder of a name in exclude, and looks at no more than max
// entries, however many somebody has made: of each folder it holds a few at a time.
func (r *fileRequest) links(out io.Writer) (any, error) {
	left := r.Max
	if left <= 0 || left > linksMax {
		left = linksMax
	}
	folders := []string{path.Clean(r.Path)}
	for len(folders) > 0 {
		folder := folders[len(folders)-1]
		folders = folders[:len(folders)-1]
		entries, err := openIf(folder, syscall.S_IFDIR, safeToRead)
		if err != nil {
			continue // it is gone, or was never there
		}
		err = eachEntry(entries, func(entry fs.DirEntry) error {
			if left == 0 {
				return fs.SkipAll
			}
			left--
			at := path.Join(folder, entry.Name())
			if entry.IsDir() && !slices.Contains(r.Exclude, entry.Name()) {
				folders = append(folders, at)
			}
			if entry.Type() != fs.ModeSymlink {
				return nil
			}
			return tellLink(out, r.Path, at)
		})
		entries.Close()
		if err == fs.SkipAll {
			return map[string]bool{"more": true}, nil
		}
		if err != nil {
			return nil, err
		}
	}
	return map[string]bool{"more": false}, nil
}

func eachEntry(dir *os.File, visit func(fs.DirEntry) error) error {
	for {
		entries, err := dir.ReadDir(64)
		for _, entry := range entries {
			if err := visit(entry); err != nil {
				return err
			}
		}
		if err != nil {
			return nil // the end, or a folder that is gone
		}
	}
}

func tellLink(out io.Writer, root, at string) error {
	target, err := os.Readlink(at)
	if err != nil {
		return nil
	}
	name, err := filepath.Rel(root, at)
	if err != nil {
		return err
	}
	line, _ := json.Marshal(map[string]string{"name": name, "target": target})
	_, err = out.Write(append(line, '\n'))
	return err
}
