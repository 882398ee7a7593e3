package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"io/fs"
	"net/http"
	"path"
	"time"
)

// files are the page: plain HTML, CSS and JavaScript, as a browser reads them.
//
//go:embed page
var files embed.FS

// policy lets the page load what this door serves and nothing else, and runs
// no script that is not a file of its own: should a text ever get into the
// page as HTML, it could still do nothing.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// secure sets the headers that every answer has.
func secure(header http.Header) {
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// routePage serves each file of the page, index.html as "/".
func routePage(mux *http.ServeMux) {
	entries, err := fs.ReadDir(files, "page")
	if err != nil {
		panic(err)
	}
	for _, entry := range entries {
		content, err := files.ReadFile(path.Join("page", entry.Name()))
		if err != nil {
			panic(err)
		}
		pattern := "GET /" + entry.Name()
		if entry.Name() == "index.html" {
			pattern = "GET /{$}"
		}
		mux.Handle(pattern, newAsset(entry.Name(), content))
	}
}

// asset is a file of the page.
type asset struct {
	name, kind, tag string
	content         []byte
}

func newAsset(name string, content []byte) *asset {
	sum := sha256.Sum256(content)
	return &asset{
		name: name, content: content,
		// Not by package mime: what that says depends on the machine.
		kind: map[string]string{
			".html": "text/html; charset=utf-8",
			".css":  "text/css; charset=utf-8",
			".js":   "text/javascript; charset=utf-8",
			".svg":  "image/svg+xml",
		}[path.Ext(name)],
		tag: `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`,
	}
}

// ServeHTTP sends the file unless the browser has it. It asks each time, so
// that a page and its parts are always of one version of the server.
func (a *asset) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", a.kind)
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", a.tag)
	http.ServeContent(w, r, a.name, time.Time{}, bytes.NewReader(a.content))
}
