package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

// fill puts into an empty volume, or a folder of one, what the image has at the place where it will be mounted, with owners, permissions and times, as Docker does.
// A volume that holds something is left alone; so is one for a place that the image does not have.
func fill(from, to string) error {
	if info, err := os.Stat(from); err != nil || !info.IsDir() {
		return nil
	}
	// A link to a folder is followed, as it is where something is mounted there.
	from, err := filepath.EvalSymlinks(from)
	if err != nil {
		return err
	}
	if err := os.Mkdir(to, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if there, err := os.ReadDir(to); err != nil || len(there) > 0 {
		return err
	}
	apart(to)
	var crew sync.WaitGroup
	files, wrong := make(chan found), make(chan error, fillers)
	for range fillers {
		crew.Go(func() {
			buffer := make([]byte, 32<<10)
			var err error
			// What comes after a failure is taken all the same: whoever finds it would wait.
			for file := range files {
				if err == nil {
					err = file.fill(filepath.Join(from, file.name), filepath.Join(to, file.name), buffer)
				}
			}
			wrong <- err
		})
	}
	var folders []string
	err = filepath.WalkDir(from, func(at string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, at)
		if err != nil {
			return err
		}
		if !entry.IsDir() {
			files <- found{name, entry}
			return nil
		}
		folders = append(folders, name)
		if name == "." {
			return nil
		}
		target := filepath.Join(to, name)
		if err := os.Mkdir(target, 0o755); err != nil {
			return err
		}
		apart(target)
		return nil
	})
	close(files)
	crew.Wait()
	for range fillers {
		err = errors.Join(err, <-wrong)
	}
	// From the innermost out: what is put into a folder changes its time, and what it permits may keep us out.
	for i := len(folders) - 1; i >= 0 && err == nil; i-- {
		err = alike(filepath.Join(from, folders[i]), filepath.Join(to, folders[i]))
	}
	return err
}

// fillers make files beside each other: each of them waits for the file system as much as for a processor.
const fillers = 4

type found struct {
	name  string
	entry fs.DirEntry
}

func (f found) fill(at, target string, buffer []byte) error {
	if err := copyOne(at, target, f.entry, buffer); err != nil {
		return err
	}
	return alike(at, target)
}

const (
	getFlags = 0x80086601 // FS_IOC_GETFLAGS
	setFlags = 0x40086602 // FS_IOC_SETFLAGS
	topDir   = 0x20000    // FS_TOPDIR_FL
)

// apart lets the file system lay a folder's folders anywhere, not beside it. ext4 keeps an inode back for minutes after its file was deleted, and looks
// at all of those before it makes the next file near them: where the volume of the last Trial has just gone, that takes most of the time of a copy.
// A file system that knows no such flag does as it always does.
func apart(folder string) {
	file, err := os.Open(folder)
	if err != nil {
		return
	}
	defer file.Close()
	var flags uint32
	if ioctl(int(file.Fd()), getFlags, unsafe.Pointer(&flags)) != nil {
		return
	}
	flags |= topDir
	ioctl(int(file.Fd()), setFlags, unsafe.Pointer(&flags))
}

// alike gives a copy the owner, permissions and time of what it was made of. Who is not root owns all of it, whatever it was.
func alike(at, target string) error {
	info, err := os.Lstat(at)
	if err != nil {
		return err
	}
	if info.Mode().Type()&^(fs.ModeDir|fs.ModeSymlink) != 0 {
		return nil // nothing was copied
	}
	stat := info.Sys().(*syscall.Stat_t)
	if err := unlessForbidden(os.Lchown(target, int(stat.Uid), int(stat.Gid))); err != nil {
		return err
	}
	if info.Mode().Type() == fs.ModeSymlink {
		return nil
	}
	// After the owner, for a change of that takes setuid away.
	mode := info.Mode() & (fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky)
	if err := unlessForbidden(os.Chmod(target, mode)); err != nil {
		return err
	}
	return unlessForbidden(os.Chtimes(target, time.Time{}, info.ModTime()))
}

func unlessForbidden(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}
