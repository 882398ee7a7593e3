package gio_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// acceptErrnos are what accept(2) may answer where nothing is wrong with the
// listening socket.
var acceptErrnos = []syscall.Errno{
	syscall.ENFILE, syscall.EMFILE, syscall.ENOMEM, syscall.ENOBUFS, syscall.ECONNABORTED, syscall.EPROTO, syscall.EINTR, syscall.EPERM,
	syscall.ENETDOWN, syscall.EHOSTUNREACH,
}

func eachAcceptErrno(t *testing.T, test func(t *testing.T, errno syscall.Errno)) {
	for _, errno := range acceptErrnos {
		t.Run(errnoName(errno), func(t *testing.T) { test(t, errno) })
	}
}

func errnoName(errno syscall.Errno) string { return strings.ReplaceAll(errno.Error(), " ", "_") }

// Whatever accept(2) answers for a moment, the client is there and is served,
// at once or soon after; so are those of another service in the process.
func TestAcceptThatFailsForAMomentLosesNoClient(t *testing.T) {
	eachAcceptErrno(t, func(t *testing.T, errno syscall.Errno) {
		f, _ := withFaults(t)
		if f == nil {
			return
		}
		one, addr1 := newService(t, &gio.ServiceConfig{Logger: quiet})
		two, addr2 := newService(t, &gio.ServiceConfig{Logger: quiet})
		serve(t, one, echo)
		serve(t, two, echo)
		for _, n := range []int{1, 2, 5, 20, 50} {
			f.fail(callAccept, errno, n%3, n)
			rounds(t, addr1, 10, 4)
			rounds(t, addr2, 10, 4)
			for f.failed(callAccept) < int64(n) { // EINTR alone is tried again at once
				say(t, dial(t, addr1), "more")
			}
		}
	})
}

// As long as accept(2) fails, the service looks now and then and is quiet; and
// once it works, the client that waited is served.
func TestAcceptThatKeepsFailingCostsNothing(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.ENFILE, syscall.ENOMEM, syscall.ENOBUFS, syscall.ECONNABORTED, syscall.EPROTO} {
		t.Run(errnoName(errno), func(t *testing.T) {
			f, output := withFaults(t)
			if f == nil {
				warnings := strings.Count(output, "fail: ")
				t.Logf("%d warnings of GIO's", warnings)
				require.Less(t, warnings, 40, "GIO alone logs 100,000 in this time")
				return
			}
			svc, addr := newService(t, &gio.ServiceConfig{Logger: quiet})
			serve(t, svc, echo)
			kept := dial(t, addr)
			say(t, kept, "before")
			f.fail(callAccept, errno, 0, -1)
			waiting := dial(t, addr)
			require.True(t, eventually(func() bool { return svc.Paused()&gio.PauseDescriptors != 0 }))
			before, failed := cpuTime(t), f.failed(callAccept)
			const interval = time.Second
			time.Sleep(interval) // what is measured, not a wait
			spent, failed := cpuTime(t)-before, f.failed(callAccept)-failed
			say(t, kept, "who is in goes on")
			t.Logf("%v of CPU and %d calls of accept in %v", spent, failed, interval)
			require.Less(t, spent, interval/20)
			require.Less(t, failed, int64(100))
			require.True(t, svc.IsActive())
			f.stop(callAccept)
			say(t, waiting, "served")
			say(t, dial(t, addr), "and the next")
		})
	}
}

// A plain listener says what is wrong, as something that passes, and the client
// comes to the next Accept.
func TestAcceptOfAListenerTellsTheFaultAndGoesOn(t *testing.T) {
	eachAcceptErrno(t, func(t *testing.T, errno syscall.Errno) {
		f, _ := withFaults(t)
		if f == nil {
			return
		}
		noLeaks(t)
		l, addr := listenOn(t, "tcp", "127.0.0.1:0")
		f.fail(callAccept, errno, 0, 3)
		peer := dial(t, addr)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		told := 0
		for {
			c, _, err := l.Accept(ctx)
			if err == nil {
				_, err = c.Write([]byte("x"))
				require.NoError(t, err)
				_, err = peer.Read(make([]byte, 1))
				require.NoError(t, err)
				require.NoError(t, c.Close())
				break
			}
			told++
			want := errno
			if errno == syscall.ENETDOWN {
				want = syscall.ENETUNREACH // GIO has one code for both
			}
			requireOpError(t, err, "accept", "tcp", want)
			require.NotErrorIs(t, err, net.ErrClosed)
		}
		require.EqualValues(t, 3, f.stop(callAccept))
		t.Log(fmt.Sprint(told, " told"))
	})
}

// http.Server asks again after what is temporary, and ends after what is not.
func TestHTTPOutlivesAcceptsFaults(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.ENFILE, syscall.EMFILE, syscall.ENOMEM, syscall.ENOBUFS, syscall.ECONNABORTED, syscall.EPROTO, syscall.EINTR} {
		t.Run(errnoName(errno), func(t *testing.T) {
			f, _ := withFaults(t)
			if f == nil {
				return
			}
			for name, ln := range map[string]func() (net.Listener, net.Addr){
				"listener": func() (net.Listener, net.Addr) {
					l, addr := listenOn(t, "tcp", "127.0.0.1:0")
					return l.NetListener(), addr
				},
				"service": func() (net.Listener, net.Addr) {
					svc, addr := newService(t, &gio.ServiceConfig{Logger: quiet})
					return svc.NetListener(), addr
				},
			} {
				t.Run(name, func(t *testing.T) {
					ln, addr := ln()
					srv := &http.Server{
						Handler:  http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("here")) }),
						ErrorLog: log.New(io.Discard, "", 0),
					}
					ended := make(chan error, 1)
					go func() { ended <- srv.Serve(ln) }()
					client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
					f.fail(callAccept, errno, 0, 3)
					for f.failed(callAccept) < 3 {
						resp, err := client.Get("http://" + addr.String())
						require.NoError(t, err)
						body, err := io.ReadAll(resp.Body)
						require.NoError(t, err)
						require.NoError(t, resp.Body.Close())
						require.Equal(t, "here", string(body))
					}
					require.NoError(t, srv.Shutdown(t.Context()))
					require.ErrorIs(t, receive(t, ended), http.ErrServerClosed)
				})
			}
		})
	}
}
