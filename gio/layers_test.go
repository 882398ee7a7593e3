package gio_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	ourModule     = "github.com/glibserve/glibserve/"
	glibloopLayer = "glibloop"
	nativeLayer   = "gio/internal/native"
)

// layers are the packages of the library from the top down: imports run that way
// alone.
var layers = []string{
	"gio",
	"gio/internal/giostream",
	"gio/internal/netfd",
	nativeLayer,
	"gio/internal/sockaddr",
	"gio/internal/sys",
	glibloopLayer,
	"glibloop/internal/callerpc",
}

// loopUsers are the layers that know of main loops.
var loopUsers = map[string]bool{"gio": true, "gio/internal/giostream": true, nativeLayer: true}

// listedPackage is what is asked of go list.
type listedPackage struct {
	ImportPath string
	Imports    []string
	CgoFiles   []string
}

// layerFaults says what is wrong with the imports among our packages. Packages that
// only tests import are not among them, and may have C of their own.
func layerFaults(all []listedPackage) (faults []string) {
	rank := make(map[string]int)
	for i, l := range layers {
		rank[l] = i
	}
	for _, p := range all {
		from, ours := strings.CutPrefix(p.ImportPath, ourModule)
		if !ours {
			continue
		}
		at, known := rank[from]
		if !known {
			faults = append(faults, from+" has no place among the layers")
			continue
		}
		if len(p.CgoFiles) > 0 && from != nativeLayer && from != glibloopLayer {
			faults = append(faults, fmt.Sprintf("%s has import \"C\" in %v", from, p.CgoFiles))
		}
		for _, i := range p.Imports {
			to, ours := strings.CutPrefix(i, ourModule)
			if !ours {
				continue
			}
			below, known := rank[to]
			if known && below <= at || to == glibloopLayer && !loopUsers[from] {
				faults = append(faults, from+" imports "+to)
			}
		}
	}
	return faults
}

func TestImportsRunDown(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Imports,CgoFiles", ourModule+"gio", ourModule+"glibloop")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s", &stderr)
	var all []listedPackage
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listedPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	require.Empty(t, layerFaults(all))
	// Nothing wrong is found in nothing: the C must have been seen.
	withC := make(map[string]bool)
	for _, p := range all {
		withC[strings.TrimPrefix(p.ImportPath, ourModule)] = len(p.CgoFiles) > 0
	}
	require.True(t, withC[nativeLayer])
	require.True(t, withC[glibloopLayer])
}

func TestImportsThatRunUpAreSeen(t *testing.T) {
	for _, tt := range []struct {
		p    listedPackage
		want string
	}{
		{listedPackage{ImportPath: ourModule + "gio/internal/sys", Imports: []string{ourModule + "gio/internal/sockaddr"}},
			"gio/internal/sys imports gio/internal/sockaddr"},
		{listedPackage{ImportPath: ourModule + "gio/internal/netfd", Imports: []string{"net", ourModule + "glibloop"}},
			"gio/internal/netfd imports glibloop"},
		{listedPackage{ImportPath: ourModule + "glibloop", Imports: []string{ourModule + "gio"}}, "glibloop imports gio"},
		{listedPackage{ImportPath: ourModule + "gio", CgoFiles: []string{"a.go"}}, `gio has import "C" in [a.go]`},
		{listedPackage{ImportPath: ourModule + "gio/internal/other"}, "gio/internal/other has no place among the layers"},
		{listedPackage{ImportPath: "net", Imports: []string{"net/internal"}, CgoFiles: []string{"a.go"}}, ""},
		{listedPackage{ImportPath: ourModule + nativeLayer, Imports: []string{ourModule + "gio/internal/sys"}, CgoFiles: []string{"a.go"}}, ""},
	} {
		require.Equal(t, tt.want, strings.Join(layerFaults([]listedPackage{tt.p}), "; "))
	}
}
