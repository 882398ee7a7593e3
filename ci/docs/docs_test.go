// Package docs holds what documents and comments name: files, links and tests that exist.
package docs

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const root = "../.."

// tree is the repository's files, by their paths from its top.
func tree(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(root, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			if name != root && e.Name() == ".git" {
				return filepath.SkipDir
			}
			return nil
		}
		if !e.Type().IsRegular() {
			return nil
		}
		text, err := os.ReadFile(name)
		rel, _ := filepath.Rel(root, name)
		files[filepath.ToSlash(rel)] = string(text)
		return err
	})
	require.NoError(t, err)
	require.Contains(t, files, "README.md")
	return files
}

var (
	slashes = regexp.MustCompile(`//.*`)
	block   = regexp.MustCompile(`(?s)/\*.*?\*/`)
	hash    = regexp.MustCompile(`(?m)^\s*#.*`)
)

// prose is what a file says to people: a document as a whole, the comments of the rest.
func prose(name, text string) string {
	switch ext := path.Ext(name); {
	case ext == ".md":
		return text
	case ext == ".go", ext == ".c", ext == ".h", ext == ".js", ext == ".vala":
		return strings.Join(append(slashes.FindAllString(text, -1), block.FindAllString(text, -1)...), "\n")
	case ext == ".py", ext == ".yml", ext == "" && strings.HasPrefix(text, "#"):
		return strings.Join(hash.FindAllString(text, -1), "\n")
	}
	return ""
}

var (
	fileName = regexp.MustCompile("(?:^|[\\s`(\"])((?:[\\w.-]+/)*[\\w-]+\\.(?:go|c|h|md|py|js|vala|sh|svg|png|html))\\b")
	testName = regexp.MustCompile(`\b(?:Test|Fuzz|Benchmark)[A-Z]\w+`)
	link     = regexp.MustCompile(`\]\(([^)#\s]*)(?:#([^)\s]*))?\)`)
	heading  = regexp.MustCompile(`(?m)^#+ (.*)`)
	function = regexp.MustCompile(`(?m)^func (?:\([^)]*\) )?(\w+)`)
)

// elsewhere are names of files that are not ours, and what only looks like one.
var elsewhere = map[string]bool{"stdlib.h": true, "gio/gio.h": true, "pkg.go": true, "h.c": true}

func TestFilesThatAreNamedExist(t *testing.T) {
	files := tree(t)
	bases := map[string]bool{}
	for name := range files {
		for at := name; at != ""; { // a path may leave out its beginning
			bases[at] = true
			_, at, _ = strings.Cut(at, "/")
		}
	}
	named := 0
	for name, text := range files {
		for _, m := range fileName.FindAllStringSubmatch(prose(name, text), -1) {
			named++
			if !bases[m[1]] && !bases[path.Join(path.Dir(name), m[1])] && !elsewhere[m[1]] {
				t.Errorf("%s names %s, and there is none", name, m[1])
			}
		}
	}
	require.Greater(t, named, 100)
}

func TestTestsThatAreNamedExist(t *testing.T) {
	files := tree(t)
	var all strings.Builder // a newline before each
	for name, text := range files {
		if path.Ext(name) == ".go" {
			for _, m := range function.FindAllStringSubmatch(text, -1) {
				all.WriteString("\n" + m[1])
			}
			// README.md has the table of tests that others wrote.
			if name == "ci/foreign/suites.go" {
				for _, test := range testName.FindAllString(text, -1) {
					all.WriteString("\n" + test)
				}
			}
		}
	}
	named := 0
	for name, text := range files {
		for _, test := range testName.FindAllString(prose(name, text), -1) {
			named++
			if !strings.Contains(all.String(), "\n"+test) { // -run takes a beginning
				t.Errorf("%s names %s, and there is none", name, test)
			}
		}
	}
	require.Greater(t, named, 20)
}

// anchor is what GitHub makes of a heading.
func anchor(text string) string {
	text = strings.ToLower(strings.TrimSpace(text))
	return strings.ReplaceAll(regexp.MustCompile(`[^\pL\pN_\- ]`).ReplaceAllString(text, ""), " ", "-")
}

func TestLinksLeadSomewhere(t *testing.T) {
	files := tree(t)
	followed := 0
	for name, text := range files {
		if path.Ext(name) != ".md" {
			continue
		}
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			to, part := m[1], m[2]
			if strings.Contains(to, "://") {
				continue
			}
			followed++
			target := name
			if to != "" {
				target = path.Join(path.Dir(name), to)
			}
			if _, err := os.Stat(filepath.Join(root, target)); err != nil {
				t.Errorf("%s links to %s, and there is none", name, to)
				continue
			}
			if part == "" {
				continue
			}
			var anchors []string
			for _, h := range heading.FindAllStringSubmatch(files[target], -1) {
				anchors = append(anchors, anchor(h[1]))
			}
			require.Contains(t, anchors, part, "%s links to %s", name, m[0])
		}
	}
	require.Greater(t, followed, 50)
}
