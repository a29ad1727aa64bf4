package main

import (
	"archive/tar"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

const (
	entriesMax = 1_000_000
	bytesMax   = int64(1) << 40
)

// measure counts what goes into an archive or comes out of one.
type measure struct {
	entries, entriesMax int
	bytes, bytesMax     int64
}

func (r *fileRequest) measure() *measure {
	m := &measure{entriesMax: r.MaxEntries, bytesMax: r.MaxBytes}
	if m.entriesMax <= 0 {
		m.entriesMax = entriesMax
	}
	if m.bytesMax <= 0 {
		m.bytesMax = bytesMax
	}
	return m
}

func (m *measure) add(size int64) error {
	m.entries++
	if size < 0 || size > m.bytesMax-m.bytes || m.entries > m.entriesMax {
		return failed(tooLarge, "it is more than %d bytes in %d entries", m.bytesMax, m.entriesMax)
	}
	m.bytes += size
	return nil
}

// untar unpacks below an existing directory. No entry leads out of it, through links neither.
func (r *fileRequest) untar(in io.Reader) (any, error) {
	root, err := os.OpenRoot(r.Path)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	m := r.measure()
	whole := &ending512{from: in}
	archive := tar.NewReader(whole)
	buffer := make([]byte, fileBuffer)
	for {
		header, err := archive.Next()
		if err == io.EOF {
			if _, err = io.Copy(io.Discard, whole); err == nil && !whole.zero() {
				err = failed(badArchive, "the archive is cut")
			}
			return map[string]any{"entries": m.entries, "bytes": m.bytes}, err
		}
		if err != nil {
			return nil, archiveFailure(err)
		}
		if err := m.add(header.Size); err != nil {
			return nil, err
		}
		if err := r.unpack(root, header, archive, buffer); err != nil {
			return nil, err
		}
	}
}

// ending512 sees whether an archive ends in a block of zeros, as a whole one does: the reader of the library takes a cut one, too.
type ending512 struct {
	from  io.Reader
	zeros int64 // at the end of what was read
	bytes int64
}

func (e *ending512) Read(into []byte) (int, error) {
	n, err := e.from.Read(into)
	e.bytes += int64(n)
	last := n
	for last > 0 && into[last-1] == 0 {
		last--
	}
	if last > 0 {
		e.zeros = 0
	}
	e.zeros += int64(n - last)
	return n, err
}

func (e *ending512) zero() bool { return e.bytes%512 == 0 && e.zeros >= 512 }

func archiveFailure(err error) error {
	var known *failure
	if errors.As(err, &known) {
		return err
	}
	return failed(badArchive, "the archive cannot be read: %v", err)
}

func (r *fileRequest) unpack(root *os.Root, header *tar.Header, contents io.Reader, buffer []byte) error {
	name := strings.TrimSuffix(strings.TrimPrefix(header.Name, "./"), "/")
	if name == "" || name == "." {
		return nil
	}
	if !fs.ValidPath(name) || strings.Contains(header.Linkname, "\x00") {
		return failed(badArchive, "the entry %q leads elsewhere", header.Name)
	}
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	mode := fs.FileMode(header.Mode & 0o777)
	var err error
	switch header.Typeflag {
	case tar.TypeDir:
		if err = root.Mkdir(name, 0o700); errors.Is(err, fs.ErrExist) {
			err = nil
		}
	case tar.TypeReg:
		root.Remove(name)
		err = unpackFile(root, name, contents, buffer)
	case tar.TypeSymlink:
		root.Remove(name)
		err = root.Symlink(header.Linkname, name)
	default:
		return failed(badArchive, "the entry %q is no file, directory or link", header.Name)
	}
	if err == nil && r.Owner != nil {
		err = root.Lchown(name, *r.Owner, orUnchanged(r.Group))
	}
	if err == nil && header.Typeflag != tar.TypeSymlink {
		err = root.Chmod(name, mode)
	}
	return err
}

func unpackFile(root *os.Root, name string, contents io.Reader, buffer []byte) error {
	file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(onlyWriter{file}, onlyReader{contents}, buffer)
	if closed := file.Close(); err == nil {
		err = closed
	}
	return err
}

// tar packs a file or directory; what is no file, directory or link is left out, and counted.
func (r *fileRequest) tar(out io.Writer) (any, error) {
	if _, err := os.Lstat(r.Path); err != nil {
		return nil, err
	}
	m, skipped := r.measure(), 0
	archive := tar.NewWriter(out)
	buffer := make([]byte, fileBuffer)
	err := filepath.WalkDir(r.Path, func(at string, entry fs.DirEntry, err error) error {
		if err != nil {
			skipped++
			if entry != nil && entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		name, _ := filepath.Rel(r.Path, at)
		if name == "." && !entry.IsDir() {
			name = path.Base(r.Path)
		}
		packed, err := pack(archive, at, name, m, buffer)
		if !packed {
			skipped++
		}
		return err
	})
	if err == nil {
		err = archive.Close()
	}
	return map[string]any{"entries": m.entries, "bytes": m.bytes, "skipped": skipped}, err
}

// pack adds one entry; false where it is left out. An error ends the archive.
func pack(archive *tar.Writer, at, name string, m *measure, buffer []byte) (bool, error) {
	info, err := os.Lstat(at)
	if err != nil {
		return false, nil
	}
	target, contents := "", io.Reader(nil)
	switch info.Mode().Type() {
	case fs.ModeDir:
	case fs.ModeSymlink:
		if target, err = os.Readlink(at); err != nil {
			return false, nil
		}
	case 0:
		file, err := openRegular(at)
		if err != nil {
			return false, nil
		}
		defer file.Close()
		if info, err = file.Stat(); err != nil {
			return false, nil
		}
		contents = file
	default:
		return false, nil
	}
	header, err := tar.FileInfoHeader(info, target)
	if err != nil {
		return false, nil
	}
	header.Name, header.Uname, header.Gname = name, "", ""
	header.AccessTime, header.ChangeTime = time.Time{}, time.Time{}
	if info.IsDir() {
		header.Name += "/"
	}
	if err := m.add(header.Size); err != nil {
		return false, err
	}
	if err := archive.WriteHeader(header); err != nil {
		return false, err
	}
	if contents == nil {
		return true, nil
	}
	// It may grow or shrink meanwhile: the header has said how long it is.
	copied, err := io.CopyBuffer(onlyWriter{archive}, onlyReader{io.LimitReader(contents, header.Size)}, buffer)
	if err == nil && copied < header.Size {
		return true, failed(badArchive, "%s has changed while it was read", at)
	}
	return true, err
}
