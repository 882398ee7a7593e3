package gio_test

import (
	"encoding/xml"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The table of MAPPING.md against the installed GLib and this package.

var mappedClasses = []string{
	"SocketListener", "SocketService", "ThreadedSocketService",
	"SocketConnection", "TcpConnection", "UnixConnection", "SocketClient",
}

// girClass is a class of a GIR file.
type girClass struct {
	Name         string      `xml:"name,attr"`
	Constructors []girMember `xml:"constructor"`
	Functions    []girMember `xml:"function"`
	Methods      []girMember `xml:"method"`
	Virtual      []girMember `xml:"virtual-method"`
	Properties   []girMember `xml:"property"`
	Signals      []girMember `xml:"http://www.gtk.org/introspection/glib/1.0 signal"`
}

type girMember struct {
	Name       string `xml:"name,attr"`
	Identifier string `xml:"http://www.gtk.org/introspection/c/1.0 identifier,attr"`
}

// introspected lists what the installed GLib has, as "class kind name".
func introspected(t *testing.T) map[string]bool {
	dir := pkgConfig(t, "--variable=girdir", "gobject-introspection-1.0")
	f, err := os.Open(filepath.Join(dir, "Gio-2.0.gir"))
	require.NoError(t, err, "the GIR files come with libgirepository1.0-dev")
	defer f.Close()
	all := make(map[string]bool)
	for dec := xml.NewDecoder(f); len(mappedClasses) > 0; {
		tok, err := dec.Token()
		if err != nil {
			break // the end, or what is missing below
		}
		el, ok := tok.(xml.StartElement)
		if !ok || el.Name.Local != "class" {
			continue
		}
		var c girClass
		require.NoError(t, dec.DecodeElement(&c, &el))
		for _, name := range mappedClasses {
			if c.Name == name {
				c.list(all)
			}
		}
	}
	for _, name := range mappedClasses {
		found := false
		for key := range all {
			found = found || strings.HasPrefix(key, name+" ")
		}
		require.True(t, found, "no class %s in %s", name, f.Name())
	}
	return all
}

func (c *girClass) list(all map[string]bool) {
	for kind, members := range map[string][]girMember{
		"constructor": c.Constructors, "function": c.Functions, "method": c.Methods,
		"virtual method": c.Virtual, "property": c.Properties, "signal": c.Signals,
	} {
		for _, m := range members {
			name := m.Identifier
			if name == "" {
				name = m.Name
			}
			all[c.Name+" "+kind+" "+name] = true
		}
	}
}

// mappingRow is one line of the table.
type mappingRow struct {
	key    string
	line   int
	goName []string
	remark string
}

var quoted = regexp.MustCompile("^`([^`]+)`$")

func mappingRows(t *testing.T) []mappingRow {
	text, err := os.ReadFile("MAPPING.md")
	require.NoError(t, err)
	var rows []mappingRow
	class := ""
	for i, line := range strings.Split(string(text), "\n") {
		if title, ok := strings.CutPrefix(line, "## "); ok {
			class, _ = strings.CutPrefix(title, "G")
			if class == title || strings.Contains(title, " ") { // no class of GIO's
				class = ""
			}
			continue
		}
		if class == "" || !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| Kind ") || strings.HasPrefix(line, "| --- ") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		require.Len(t, cells, 4, "MAPPING.md:%d", i+1)
		for j := range cells {
			cells[j] = strings.TrimSpace(cells[j])
		}
		name := quoted.FindStringSubmatch(cells[1])
		require.NotNil(t, name, "MAPPING.md:%d: the name of GIO in backquotes", i+1)
		row := mappingRow{key: class + " " + cells[0] + " " + name[1], line: i + 1, remark: cells[3]}
		if cells[2] != "—" {
			for _, id := range strings.Split(cells[2], ", ") {
				m := quoted.FindStringSubmatch(id)
				require.NotNil(t, m, "MAPPING.md:%d: a name of Go in backquotes, or —", i+1)
				row.goName = append(row.goName, m[1])
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// exported lists what this package exports: Name, Type.Method, Type.Field.
func exported(t *testing.T) map[string]bool {
	names := make(map[string]bool)
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	fset := token.NewFileSet()
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, decl := range f.Decls {
			switch decl := decl.(type) {
			case *ast.FuncDecl:
				names[receiver(decl)+decl.Name.Name] = true
			case *ast.GenDecl:
				for _, spec := range decl.Specs {
					exportedBy(spec, names)
				}
			}
		}
	}
	for name := range names {
		for _, part := range strings.Split(name, ".") {
			if !ast.IsExported(part) {
				delete(names, name)
			}
		}
	}
	return names
}

func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	typ := f.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	id, ok := typ.(*ast.Ident)
	if !ok {
		return "?."
	}
	return id.Name + "."
}

func exportedBy(spec ast.Spec, names map[string]bool) {
	switch spec := spec.(type) {
	case *ast.ValueSpec:
		for _, n := range spec.Names {
			names[n.Name] = true
		}
	case *ast.TypeSpec:
		names[spec.Name.Name] = true
		if st, ok := spec.Type.(*ast.StructType); ok {
			for _, field := range st.Fields.List {
				for _, n := range field.Names {
					names[spec.Name.Name+"."+n.Name] = true
				}
			}
		}
	}
}

var (
	sinceOrUntil = regexp.MustCompile(`\b(since|until) (\d+)\.(\d+)`)
	inRemark     = regexp.MustCompile("`([^`]+)`")
)

// expected tells whether this GLib should have what the row is about.
func (r mappingRow) expected(major, minor int) bool {
	for _, m := range sinceOrUntil.FindAllStringSubmatch(r.remark, -1) {
		x, _ := strconv.Atoi(m[2])
		y, _ := strconv.Atoi(m[3])
		later := major > x || major == x && minor >= y
		if (m[1] == "since") != later {
			return false
		}
	}
	return true
}

func TestMappingTableIsComplete(t *testing.T) {
	var major, minor int
	_, err := fmt.Sscanf(pkgConfig(t, "--modversion", "gio-2.0"), "%d.%d", &major, &minor)
	require.NoError(t, err)
	gir, ours := introspected(t), exported(t)
	require.Greater(t, len(gir), 80)
	seen := make(map[string]bool)
	for _, r := range mappingRows(t) {
		if seen[r.key] {
			t.Errorf("MAPPING.md:%d: %s is there twice", r.line, r.key)
		}
		seen[r.key] = true
		if !gir[r.key] && r.expected(major, minor) {
			t.Errorf("MAPPING.md:%d: GLib %d.%d has no %s", r.line, major, minor, r.key)
		}
		if len(r.goName) == 0 && r.remark == "" {
			t.Errorf("MAPPING.md:%d: neither a counterpart nor a reason", r.line)
		}
		for _, name := range r.goName {
			if !ours[name] {
				t.Errorf("MAPPING.md:%d: this package has no %s", r.line, name)
			}
		}
		for _, m := range inRemark.FindAllStringSubmatch(r.remark, -1) {
			if !ours[m[1]] {
				t.Errorf("MAPPING.md:%d: this package has no %s", r.line, m[1])
			}
		}
	}
	for key := range gir {
		if !seen[key] {
			t.Errorf("MAPPING.md has no row for %s", key)
		}
	}
}
