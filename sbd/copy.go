package main

import (
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
)

// copy copies a file or folder, without what is excluded. Copying fills holes, so what has too many of them is left where it is.
func (r *fileRequest) copy() (any, error) {
	if !path.IsAbs(r.To) || path.Clean(r.To) == "/" {
		return nil, failed(badRequest, "%q is no absolute path", r.To)
	}
	from, err := filepath.EvalSymlinks(r.Path)
	if err != nil {
		return nil, err
	}
	tree, err := r.treeOf(from)
	if err != nil {
		return nil, err
	}
	if err := r.measureHoles(tree); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(path.Dir(r.To), 0o755); err != nil {
		return nil, err
	}
	if err := os.RemoveAll(r.To); err != nil {
		return nil, err
	}
	info, err := os.Lstat(from)
	if err != nil {
		return nil, err
	}
	err = tree.copyTo(r.To)
	return map[string]any{"kind": kindOf(info.Mode()), "linksOut": tree.linksOut}, err
}

// tree is what is to be copied.
type tree struct {
	from    string
	to      string
	exclude *regexp.Regexp // nil where nothing is
	// Links that would mean something else where the copy is read.
	linksOut int
}

func (r *fileRequest) treeOf(from string) (*tree, error) {
	t := &tree{from: from, to: path.Clean(r.To)}
	// A file has no patterns, as in Harbor.
	if info, err := os.Stat(from); err != nil || !info.IsDir() || len(r.Exclude) == 0 {
		return t, err
	}
	var err error
	t.exclude, err = excluding(r.Exclude)
	return t, err
}

// walk visits all that is not excluded, and not the copy itself where that lies within.
func (t *tree) walk(visit func(at, name string, entry fs.DirEntry, err error) error) {
	filepath.WalkDir(t.from, func(at string, entry fs.DirEntry, err error) error {
		name, _ := filepath.Rel(t.from, at)
		if at == t.to || t.exclude != nil && t.exclude.MatchString(memberName(name)) {
			if entry != nil && entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		return visit(at, name, entry, err)
	})
}

// memberName is what `tar -C folder .` calls an entry.
func memberName(name string) string {
	if name == "." {
		return name
	}
	return "./" + name
}

func (r *fileRequest) measureHoles(t *tree) (err error) {
	holes := int64(0)
	t.walk(func(at, _ string, _ fs.DirEntry, _ error) error {
		var stat syscall.Stat_t
		if syscall.Lstat(at, &stat) == nil && stat.Mode&syscall.S_IFMT == syscall.S_IFREG {
			holes += max(stat.Size-stat.Blocks*512, 0)
			if r.MaxFileBytes > 0 && stat.Size > r.MaxFileBytes {
				err = failed(tooLarge, "%s has %d bytes", at, stat.Size)
			}
		}
		return nil
	})
	if r.MaxHoleBytes > 0 && holes > r.MaxHoleBytes {
		err = failed(tooLarge, "it has %d bytes of holes", holes)
	}
	return err
}

// copyTo copies as much as it can; what it could not is the first failure.
func (t *tree) copyTo(to string) error {
	var first error
	buffer := make([]byte, 32<<10)
	t.walk(func(at, name string, entry fs.DirEntry, err error) error {
		if err == nil {
			err = copyOne(at, filepath.Join(to, name), entry, buffer)
		}
		if err == nil && entry.Type() == fs.ModeSymlink && leadsOut(at, name) {
			t.linksOut++
		}
		if first == nil {
			first = err
		}
		return nil
	})
	return first
}

func leadsOut(at, name string) bool {
	target, err := os.Readlink(at)
	return err == nil && (path.IsAbs(target) || !filepath.IsLocal(path.Join(path.Dir(name), target)))
}

func copyOne(at, to string, entry fs.DirEntry, buffer []byte) error {
	switch entry.Type() {
	case fs.ModeDir:
		return os.Mkdir(to, 0o755)
	case fs.ModeSymlink:
		target, err := os.Readlink(at)
		if err != nil {
			return err
		}
		return os.Symlink(target, to)
	case 0:
	default:
		return nil // a FIFO, socket or device holds nothing
	}
	file, err := openRegular(at)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	copied, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, info.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(onlyWriter{copied}, onlyReader{file}, buffer)
	if closed := copied.Close(); err == nil {
		err = closed
	}
	return err
}

const (
	patternsMax     = 256
	patternBytesMax = 4096
)

// excluding reads the patterns of `tar --exclude` as GNU tar does: a pattern fits from the beginning of any part of a name to the end of one,
// `*` goes over slashes, and what lies below what fits is excluded too. One expression, which takes no longer than the name is long.
func excluding(patterns []string) (*regexp.Regexp, error) {
	if len(patterns) > patternsMax {
		return nil, failed(tooLarge, "%d patterns; at most %d are taken", len(patterns), patternsMax)
	}
	alternatives := make([]string, len(patterns))
	for i, pattern := range patterns {
		if len(pattern) > patternBytesMax {
			return nil, failed(tooLarge, "a pattern has %d bytes; at most %d are taken", len(pattern), patternBytesMax)
		}
		alternatives[i] = expression(pattern)
	}
	compiled, err := regexp.Compile(`(?s)(?:^|/)(?:` + strings.Join(alternatives, "|") + `)(?:/|$)`)
	if err != nil {
		return nil, failed(badRequest, "the patterns are too much together: %v", err)
	}
	return compiled, nil
}

// expression is a shell pattern as a regular expression.
func expression(pattern string) string {
	var out strings.Builder
	for rest := pattern; rest != ""; {
		switch rest[0] {
		case '*':
			rest = strings.TrimLeft(rest, "*")
			out.WriteString(".*")
			continue
		case '?':
			out.WriteString(".")
		case '[':
			if class, after, ok := classOf(rest); ok {
				out.WriteString(class)
				rest = after
				continue
			}
			out.WriteString(`\[`)
		case '\\':
			if len(rest) > 1 {
				rest = rest[1:]
			}
			fallthrough
		default:
			end := 1
			for end < len(rest) && rest[end]&0xC0 == 0x80 {
				end++
			}
			out.WriteString(regexp.QuoteMeta(strings.ToValidUTF8(rest[:end], "\uFFFD")))
			rest = rest[end:]
			continue
		}
		rest = rest[1:]
	}
	return out.String()
}

// classOf reads a bracket expression and what follows it; false for a bracket that is only one, and for a class that nobody knows.
func classOf(pattern string) (class, after string, ok bool) {
	body, start := pattern[1:], "["
	if strings.HasPrefix(body, "!") || strings.HasPrefix(body, "^") {
		body, start = body[1:], "[^"
	}
	end := -1
	for i := 1; i < len(body); i++ {
		if strings.HasPrefix(body[i-1:], "[:") {
			if closing := strings.Index(body[i:], ":]"); closing >= 0 {
				i += closing + 1
				continue
			}
		}
		if body[i] == ']' {
			end = i
			break
		}
	}
	if end < 0 {
		return "", "", false
	}
	members := strings.NewReplacer(`[:`, `[:`, `:]`, `:]`, `[`, `\[`, `^`, `\^`, `&`, `\&`, `~`, `\~`).Replace(body[:end])
	if strings.HasPrefix(members, "]") {
		members = `\` + members
	}
	class = start + members + "]"
	_, err := regexp.Compile(class)
	return class, body[end+1:], err == nil
}
