package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

func made(t *testing.T, name string, mode os.FileMode, uid int) {
	t.Helper()
	os.MkdirAll(filepath.Dir(name), 0o755)
	if err := os.WriteFile(name, []byte(filepath.Base(name)), 0o600); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		os.Chown(name, uid, uid)
	}
	os.Chmod(name, mode)
}

func TestFillsAnEmptyVolumeAsDocker(t *testing.T) {
	from, to := filepath.Join(t.TempDir(), "image"), t.TempDir()
	made(t, filepath.Join(from, "deep/file"), 0o640, 1234)
	made(t, filepath.Join(from, "tool"), 0o755|os.ModeSetuid, 0)
	os.Symlink("deep/file", filepath.Join(from, "link"))
	os.Mkdir(filepath.Join(from, "closed"), 0o700)
	syscall.Mkfifo(filepath.Join(from, "fifo"), 0o600)
	then := time.Unix(1_000_000_000, 0)
	for _, name := range []string{"deep/file", "deep", "."} {
		os.Chtimes(filepath.Join(from, name), then, then)
	}
	os.Chmod(from, 0o750)
	if err := fill(from, to); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{".", "deep", "deep/file", "tool", "closed"} {
		want, _ := os.Lstat(filepath.Join(from, name))
		got, err := os.Lstat(filepath.Join(to, name))
		if err != nil {
			t.Fatal(err)
		}
		if got.Mode() != want.Mode() || got.Sys().(*syscall.Stat_t).Uid != want.Sys().(*syscall.Stat_t).Uid {
			t.Errorf("%s is %v, not %v", name, got.Mode(), want.Mode())
		}
		if (name == "deep" || name == "deep/file") && !got.ModTime().Equal(then) {
			t.Errorf("%s is of %v", name, got.ModTime())
		}
	}
	if target, _ := os.Readlink(filepath.Join(to, "link")); target != "deep/file" {
		t.Errorf("the link leads to %q", target)
	}
	if text, _ := os.ReadFile(filepath.Join(to, "deep/file")); string(text) != "file" {
		t.Errorf("the file holds %q", text)
	}
}

func TestEndsWithWhatCouldNotBeCopied(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	for i := range 200 {
		made(t, filepath.Join(from, fmt.Sprintf("%d/%d", i%7, i)), 0o644, 0)
	}
	var space syscall.Rlimit
	syscall.Getrlimit(syscall.RLIMIT_NOFILE, &space)
	defer syscall.Setrlimit(syscall.RLIMIT_NOFILE, &space)
	open, _ := os.ReadDir("/proc/self/fd")
	syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: uint64(len(open)) + 1, Max: space.Max})
	if err := fill(from, to); !errors.Is(err, syscall.EMFILE) {
		t.Errorf("it ended with %v", err)
	}
}

func TestLaysFoldersApart(t *testing.T) {
	flagsOf := func(folder string) (flags uint32, err error) {
		file, err := os.Open(folder)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		err = ioctl(int(file.Fd()), getFlags, unsafe.Pointer(&flags))
		return flags, err
	}
	from, to := t.TempDir(), t.TempDir()
	made(t, filepath.Join(from, "packages/one/file"), 0o644, 0)
	if _, err := flagsOf(to); err != nil {
		t.Skipf("no flags in %s: %v", to, err)
	}
	if err := fill(from, to); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{".", "packages", "packages/one"} {
		if flags, err := flagsOf(filepath.Join(to, name)); err != nil || flags&topDir == 0 {
			t.Errorf("%s has flags %#x (%v)", name, flags, err)
		}
	}
}

func TestLeavesOtherVolumesAlone(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	if err := fill(filepath.Join(from, "none"), to); err != nil {
		t.Fatal(err)
	}
	made(t, filepath.Join(from, "file"), 0o644, 0)
	if err := fill(filepath.Join(from, "file"), to); err != nil {
		t.Fatal(err)
	}
	if there, _ := os.ReadDir(to); len(there) > 0 {
		t.Errorf("it holds %v", there)
	}
	made(t, filepath.Join(to, "own"), 0o644, 0)
	if err := fill(from, to); err != nil {
		t.Fatal(err)
	}
	there, _ := os.ReadDir(to)
	if len(there) != 1 || there[0].Name() != "own" {
		t.Errorf("it holds %v", there)
	}
}

func TestFillsAFolderOfAVolume(t *testing.T) {
	from, to := filepath.Join(t.TempDir(), "bin"), filepath.Join(t.TempDir(), "bin")
	made(t, filepath.Join(from, "program"), 0o755, 0)
	if err := fill(from, to); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(filepath.Join(to, "program")); string(text) != "program" {
		t.Errorf("the file holds %q", text)
	}
}
