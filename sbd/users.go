package main

import (
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// Users are looked up in the container's own /etc/passwd and /etc/group, without a C library. Image and agent write them: whatever is no
// plain file of a sane size knows nobody, and numbers work all the same.

const userFileMax = 4 << 20

// resolveUser reads "user", "user:group", by name or number. A number need not be known; then its group is root's, as Docker has it.
func resolveUser(spec, etc string) (identity, error) {
	if spec == "" {
		return identity{UID: os.Geteuid(), GID: os.Getegid(), Home: homeOf(os.Geteuid(), etc)}, nil
	}
	user, group, grouped := strings.Cut(spec, ":")
	id := identity{UID: -1, Home: "/"}
	name := user
	number, isNumber := idNumber(user)
	eachLine(etc+"/passwd", 7, func(fields []string) bool {
		uid, ok := idNumber(fields[2])
		if !ok || (fields[0] != user && !(isNumber && uid == number)) {
			return true
		}
		gid, ok := idNumber(fields[3])
		if !ok {
			return true
		}
		id.UID, id.GID, name = uid, gid, fields[0]
		if strings.HasPrefix(fields[5], "/") {
			id.Home = fields[5]
		}
		return false
	})
	if id.UID < 0 {
		if !isNumber {
			return id, failed(userMissing, "the image has no user %s", user)
		}
		id.UID, id.GID = number, 0
		id.Home = homeOfUnknown(number, os.Geteuid(), os.Getenv("HOME"))
	}
	if grouped {
		gid, err := resolveGroup(group, etc)
		id.GID, id.more = gid, []int{gid}
		return id, err
	}
	id.more = []int{id.GID}
	eachLine(etc+"/group", 4, func(fields []string) bool {
		gid, ok := idNumber(fields[2])
		for _, member := range strings.Split(fields[3], ",") {
			if ok && member == name && gid != id.GID {
				id.more = append(id.more, gid)
			}
		}
		return len(id.more) < 1024
	})
	return id, nil
}

// homeOfUnknown: a user that the image does not know keeps the home that the container began with, where it began as that user: the image says
// it in a variable then, or the runtime says /. Of a container that began as root it is root's.
func homeOfUnknown(uid, own int, home string) string {
	if uid == own && uid != 0 && strings.HasPrefix(home, "/") {
		return home
	}
	return "/"
}

func homeOf(uid int, etc string) string {
	id, err := resolveUser(strconv.Itoa(uid), etc)
	if err != nil {
		return "/"
	}
	return id.Home
}

func resolveGroup(group, etc string) (int, error) {
	found := -1
	eachLine(etc+"/group", 3, func(fields []string) bool {
		gid, ok := idNumber(fields[2])
		if ok && fields[0] == group {
			found = gid
		}
		return found < 0
	})
	if number, isNumber := idNumber(group); found < 0 && isNumber {
		found = number
	}
	if found < 0 {
		return 0, failed(userMissing, "the image has no group %s", group)
	}
	return found, nil
}

// idNumber refuses what would mean "unchanged" to the kernel.
func idNumber(text string) (int, bool) {
	number, err := strconv.ParseUint(text, 10, 32)
	return int(number), err == nil && number < 1<<31 && text[0] != '+'
}

// eachLine hands on the fields of each line that has enough of them, until it is told to stop.
func eachLine(path string, fields int, take func([]string) bool) {
	file, err := openRegular(path)
	if err != nil {
		return
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, userFileMax+1))
	if err != nil || len(text) > userFileMax {
		return
	}
	for line := range strings.Lines(string(text)) {
		parts := strings.Split(strings.TrimRight(line, "\n"), ":")
		if len(parts) >= fields && !take(parts) {
			return
		}
	}
}

const (
	oPath      = 0x200000
	atFDCWD    = -100
	oNoctty    = syscall.O_NOCTTY
	safeToRead = syscall.O_RDONLY | syscall.O_NONBLOCK | syscall.O_NOCTTY | syscall.O_CLOEXEC
)

// openRegular opens a plain file for reading. It looks first and opens then, so that no FIFO is waited for and no device is touched.
func openRegular(path string) (*os.File, error) { return openIf(path, syscall.S_IFREG, safeToRead) }

func openIf(path string, kind uint32, flags int) (*os.File, error) {
	looking, err := syscall.Open(path, oPath|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer syscall.Close(looking)
	var stat syscall.Stat_t
	if err := syscall.Fstat(looking, &stat); err != nil {
		return nil, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	switch found := stat.Mode & syscall.S_IFMT; {
	case found == kind:
	case kind == syscall.S_IFDIR:
		return nil, failed(notDirectory, "%s is no directory", path)
	case found == syscall.S_IFDIR:
		return nil, failed(isDirectory, "%s is a directory", path)
	default:
		return nil, failed(notRegular, "%s is no plain file", path)
	}
	fd, err := syscall.Open("/proc/self/fd/"+strconv.Itoa(looking), flags, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}
