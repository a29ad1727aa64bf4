package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var excludable = []string{"a/b/f.pyc", "a/f.txt", "c/node_modules/x/y", "top.log", "a/top.log", "we[i]rd", "a]b", "x^y", "ünï", "a/-z", "new\nline"}

// What a copy leaves out is what GNU tar, which Harbor uses, leaves out.
func TestExcludesAsTar(t *testing.T) {
	folder := t.TempDir()
	for _, name := range excludable {
		os.MkdirAll(filepath.Dir(filepath.Join(folder, name)), 0o755)
		if err := os.WriteFile(filepath.Join(folder, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, pattern := range []string{
		"*.pyc", "node_modules", "c/node_modules", "./a", "a/*", "*", "top.log", "./top.log", "a/", "x*y", "*/b", "[a]", `we\[i\]rd`, "we[i]rd",
		"b/f.*", "/a", "a/b/f", "?.pyc", "**/top.log", "a/**", "[!a]", "[^a]*", "", "[", "a[", "{a,c}", "*.LOG", ".", "c/*/y", `\*`,
		"[[:alpha:]]", "[a-c]", "a[]]b", "x[\\^]y", "x[y^]y", "?n?", "[ü]n*", "(a|c)", "a.f", `\a`, "*line", "[-z]z", "a]b", "t.p", "[[:nope:]]x",
	} {
		listed, err := exec.Command("sh", "-c", `tar cf - --exclude="$1" -C "$0" . | tar tf - --quoting-style=literal --null`, folder, pattern).Output()
		if err != nil {
			t.Skip("there is no tar here")
		}
		var want []string
		for _, name := range excludable {
			if strings.Contains("\n"+string(listed), "\n./"+name+"\n") {
				want = append(want, name)
			}
		}
		compiled, err := excluding([]string{pattern})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		(&tree{from: folder, exclude: compiled}).walk(func(at, name string, entry os.DirEntry, err error) error {
			if !entry.IsDir() {
				got = append(got, name)
			}
			return nil
		})
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%q leaves %q, tar %q", pattern, got, want)
		}
	}
}

func TestExcludesNothingBeyondMeasure(t *testing.T) {
	for _, patterns := range [][]string{make([]string, patternsMax+1), {strings.Repeat("x", patternBytesMax+1)}} {
		if _, err := excluding(patterns); err == nil {
			t.Error("it was taken")
		}
	}
	deep, err := excluding([]string{strings.Repeat("*a", 100)})
	if err != nil || deep.MatchString("./"+strings.Repeat("a", 4000)+"b") {
		t.Error("a pattern of many stars", err)
	}
}
