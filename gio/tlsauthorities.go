package gio

import (
	"errors"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"
	"unsafe"
	"weak"

	"github.com/glibserve/glibserve/gio/internal/native"
)

// authorities are those of one file, parsed. All who read the same file share them: a
// bundle takes 20 ms, and StartTLS has a configuration for each connection.
type authorities struct{ database unsafe.Pointer } // GTlsDatabase

func (a *authorities) native() unsafe.Pointer {
	if a == nil {
		return nil
	}
	return a.database
}

// authorityFiles finds what was parsed and is still in use.
var authorityFiles struct {
	mu     sync.Mutex
	parsed map[string]parsedFile // by absolute name
}

type parsedFile struct {
	stamp fileStamp
	all   weak.Pointer[authorities]
}

// fileStamp is another one when a file is replaced or written to.
type fileStamp struct {
	dev, ino uint64
	size     int64
	mod      time.Time
	changed  syscall.Timespec
}

func stampOf(file string) (fileStamp, error) {
	info, err := os.Stat(file)
	if err != nil {
		return fileStamp{}, err
	}
	s := fileStamp{size: info.Size(), mod: info.ModTime()}
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		s.dev, s.ino, s.changed = uint64(sys.Dev), sys.Ino, sys.Ctim
	}
	return s, nil
}

// settleTime is how long ago a file must have changed for its stamp to be relied on: the
// clock of a file system may stand still for a while between two changes.
var settleTime = 2 * time.Second

func (s fileStamp) settled(now time.Time) bool {
	return now.Sub(time.Unix(s.changed.Unix())) > settleTime
}

// loadAuthorities reads a file unless it did so before and the file is the same.
func loadAuthorities(file string) (*authorities, error) {
	now := time.Now()
	before, err := stampOf(file)
	if err != nil {
		return nil, err
	}
	if a := parsedAuthorities(file, before); a != nil {
		return a, nil
	}
	a, err := parseAuthorities(file)
	if err != nil {
		return nil, err
	}
	if after, err := stampOf(file); err == nil && after == before && before.settled(now) {
		keepAuthorities(file, before, a)
	}
	return a, nil
}

func parsedAuthorities(file string, stamp fileStamp) *authorities {
	f := &authorityFiles
	f.mu.Lock()
	defer f.mu.Unlock()
	if p, ok := f.parsed[file]; ok && p.stamp == stamp {
		return p.all.Value()
	}
	return nil
}

// keepAuthorities has others find a, as long as somebody uses it.
func keepAuthorities(file string, stamp fileStamp, a *authorities) {
	f := &authorityFiles
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.parsed == nil {
		f.parsed = make(map[string]parsedFile)
	}
	p := parsedFile{stamp, weak.Make(a)}
	f.parsed[file] = p
	runtime.AddCleanup(a, func(file string) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.parsed[file] == p {
			delete(f.parsed, file)
		}
	}, file)
}

// parseAuthorities opens the file first because GIO's own error about a file has no
// errno, and asks how many there are because one without any would do for a
// GTlsDatabase of some backend.
func parseAuthorities(file string) (*authorities, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	_ = f.Close()
	n, err := native.CountCertificates(file)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, errors.New("no certificate (PEM) in it")
	}
	db, err := native.NewDatabase(file)
	if err != nil {
		return nil, err
	}
	a := &authorities{db}
	runtime.AddCleanup(a, native.ObjectUnref, db)
	return a, nil
}
