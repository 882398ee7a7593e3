//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/ci/bench/internal/peer"
	"github.com/glibserve/glibserve/ci/bench/internal/report"
	"github.com/glibserve/glibserve/examples/shared/program"
)

// serve runs a server on package net until the test ends.
func serve(t *testing.T, work peer.Work) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_ = work(conn)
			}()
		}
	}()
	return ln.Addr().String()
}

// load runs the program on it.
func load(t *testing.T, address string, args ...string) (r report.Report, status int, stderr string) {
	var out, errs bytes.Buffer
	status = run(context.Background(), append([]string{
		"-addr", address, "-length", "150ms", "-warmup", "50ms", "-pid", strconv.Itoa(os.Getpid()),
	}, args...), &out, &errs)
	if status == program.OK {
		require.NoError(t, json.Unmarshal(out.Bytes(), &r))
	}
	return r, status, errs.String()
}

func TestMeasuresEveryKindOfWork(t *testing.T) {
	for _, c := range []struct {
		name   string
		server peer.Work
		args   []string
	}{
		{"connect", peer.Echoes["1k"], []string{"-work", "connect", "-conns", "16"}},
		{"echo", peer.Echoes["1k"], []string{"-work", "echo", "-conns", "100", "-threads", "2"}},
		{"echo with 64 KiB", peer.Echoes["64k"], []string{"-work", "echo", "-conns", "10"}},
		{"echo by bufio", peer.Echoes["bufio"], []string{"-work", "echo", "-conns", "10", "-size", "10000"}},
		{"echo by io.Copy", peer.Echoes["copy"], []string{"-work", "echo", "-conns", "10"}},
		{"echo of big blocks", peer.Echoes["1k"], []string{"-work", "echo", "-conns", "3", "-size", "1000000"}},
		{"sink", peer.Sink, []string{"-work", "sink", "-conns", "4"}},
		{"source", peer.Source, []string{"-work", "source", "-conns", "4"}},
		{"idle", peer.Echoes["1k"], []string{"-work", "idle", "-conns", "200"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, status, stderr := load(t, serve(t, c.server), c.args...)
			require.Equal(t, program.OK, status, stderr)
			require.Empty(t, r.Errors)
			require.Positive(t, r.Ops)
			require.Positive(t, r.Seconds)
			require.Positive(t, r.RSS)
			require.LessOrEqual(t, r.P50, r.P99)
		})
	}
}

func TestKeepsAPace(t *testing.T) {
	for _, work := range []string{"connect", "echo"} {
		for _, rate := range []int{100, 2000} {
			r, status, stderr := load(t, serve(t, peer.Echoes["1k"]), "-work", work, "-conns", "50", "-threads", "2",
				"-rate", strconv.Itoa(rate), "-length", "1s")
			require.Equal(t, program.OK, status, stderr)
			require.Empty(t, r.Errors)
			require.Positive(t, r.Began)
			// What was owed from before the window, or is at its end, is no more than a tenth of a second's.
			require.LessOrEqual(t, r.Ops, 1.15*float64(rate)*r.Seconds+2, work)
			require.Positive(t, r.Ops)
		}
	}
}

func TestNoticesWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		name   string
		work   string
		server peer.Work
		reason string
	}{
		{"an echo with one byte changed", "echo", func(conn io.ReadWriter) error {
			block := make([]byte, 64)
			for n := byte(0); ; n++ {
				if _, err := io.ReadFull(conn, block); err != nil {
					return err
				}
				if n == 10 {
					block[63]++
				}
				if _, err := conn.Write(block); err != nil {
					return err
				}
			}
		}, "the echo is not what was sent"},
		{"the same block again", "echo", func(conn io.ReadWriter) error {
			first, next := make([]byte, 64), make([]byte, 64)
			if _, err := io.ReadFull(conn, first); err != nil {
				return err
			}
			for {
				if _, err := conn.Write(first); err != nil {
					return err
				}
				if _, err := io.ReadFull(conn, next); err != nil {
					return err
				}
			}
		}, "the echo is not what was sent"},
		{"no answer and a close", "connect", func(conn io.ReadWriter) error {
			_, err := io.ReadFull(conn, make([]byte, 64))
			return err
		}, "closed by the server"},
		{"an early close of what rests", "idle", func(conn io.ReadWriter) error {
			_, err := io.CopyN(conn, conn, 64)
			return err
		}, "closed by the server"},
		{"a sink that lost a byte", "sink", func(conn io.ReadWriter) error {
			if _, err := conn.Read(make([]byte, 1)); err != nil {
				return err
			}
			return peer.Sink(conn)
		}, "the server did not get all the bytes that were sent"},
		{"a source of something else", "source", func(conn io.ReadWriter) error {
			block := bytes.Clone(peer.Pattern())
			block[len(block)-1]++
			_, err := conn.Write(block)
			return err
		}, "what came is not what the server sends"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, status, stderr := load(t, serve(t, c.server), "-work", c.work, "-conns", "4")
			if status == program.OK {
				require.Contains(t, r.Errors, c.reason)
			} else {
				require.Contains(t, stderr, c.reason)
			}
		})
	}
}

func TestGivesUpWithoutAServer(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ln.Close()
	for _, work := range []string{"connect", "echo", "sink", "source", "idle"} {
		_, status, stderr := load(t, ln.Addr().String(), "-work", work, "-conns", "1")
		require.Equal(t, program.Failure, status)
		require.Contains(t, stderr, "connection refused")
	}
}

func TestEndsWhenAskedTo(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	address := serve(t, func(conn io.ReadWriter) error {
		cancel() // in the middle of it
		return peer.Echoes["1k"](conn)
	})
	var out, errs bytes.Buffer
	status := run(ctx, []string{"-addr", address, "-length", "1h"}, &out, &errs)
	require.Equal(t, program.Failure, status)
	require.Contains(t, errs.String(), context.Canceled.Error())
}

func TestRefuses(t *testing.T) {
	for _, c := range []struct {
		args   []string
		reason string
	}{
		{nil, "-addr is missing"},
		{[]string{"-addr", "192.0.2.1:80"}, "servers on this machine only"},
		{[]string{"-addr", "localhost"}, "not an address and port"},
		{[]string{"-addr", "127.0.0.1:1", "-work", "x"}, "there is no such kind"},
		{[]string{"-addr", "127.0.0.1:1", "-work", "sink", "-rate", "1"}, "-rate is for"},
		{[]string{"-addr", "127.0.0.1:1", "-size", "1"}, "-size is"},
		{[]string{"-addr", "127.0.0.1:1", "-conns", "0"}, "-conns and -threads"},
	} {
		var out, errs bytes.Buffer
		require.Equal(t, program.Usage, run(context.Background(), c.args, &out, &errs))
		require.Contains(t, errs.String(), c.reason)
	}
}
