package faults_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/gio/internal/test/faults"
	"github.com/glibserve/glibserve/gio/internal/test/giotest"
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
		f, _ := faults.InChild(t)
		if f == nil {
			return
		}
		one, addr1 := giotest.NewService(t, &gio.ServiceConfig{Logger: giotest.Quiet})
		two, addr2 := giotest.NewService(t, &gio.ServiceConfig{Logger: giotest.Quiet})
		giotest.Serve(one, giotest.Echo)
		giotest.Serve(two, giotest.Echo)
		for _, n := range []int{1, 2, 5, 20} {
			f.Fail(faults.Accept, errno, n%3, n)
			giotest.Rounds(t, addr1, 10, 4)
			giotest.Rounds(t, addr2, 10, 4)
			for f.Failed(faults.Accept) < int64(n) { // EINTR alone is tried again at once
				giotest.Say(t, giotest.Dial(t, addr1), "more")
			}
		}
	})
}

// As long as accept(2) fails, the service looks now and then and is quiet; and
// once it works, the client that waited is served.
func TestAcceptThatKeepsFailingCostsNothing(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.ENFILE, syscall.ENOMEM, syscall.ENOBUFS, syscall.ECONNABORTED, syscall.EPROTO} {
		t.Run(errnoName(errno), func(t *testing.T) {
			f, output := faults.InChild(t)
			if f == nil {
				warnings := strings.Count(output, "fail: ")
				t.Logf("%d warnings of GIO's", warnings)
				require.Less(t, warnings, 40, "GIO alone logs 100,000 in this time")
				return
			}
			logs := &giotest.Log{}
			svc, addr := giotest.NewService(t, &gio.ServiceConfig{Logger: slog.New(slog.NewTextHandler(logs, nil))})
			giotest.Serve(svc, giotest.Echo)
			kept := giotest.Dial(t, addr)
			giotest.Say(t, kept, "before")
			f.Fail(faults.Accept, errno, 0, -1)
			waiting := giotest.Dial(t, addr)
			require.True(t, giotest.Eventually(func() bool { return strings.Contains(logs.String(), "accept keeps failing") }))
			before, failed := giotest.CPUTime(t), f.Failed(faults.Accept)
			const interval = time.Second
			time.Sleep(interval) // what is measured, not a wait
			spent, failed := giotest.CPUTime(t)-before, f.Failed(faults.Accept)-failed
			giotest.Say(t, kept, "who is in goes on")
			t.Logf("%v of CPU and %d calls of accept in %v", spent, failed, interval)
			require.Less(t, failed, int64(100))
			require.Less(t, spent, interval/2, "spinning would take all of it")
			require.True(t, svc.IsActive())
			f.Stop(faults.Accept)
			giotest.Say(t, waiting, "served")
			giotest.Say(t, giotest.Dial(t, addr), "and the next")
		})
	}
}

// A plain listener says what is wrong, as something that passes, and the client
// comes to the next Accept.
func TestAcceptOfAListenerTellsTheFaultAndGoesOn(t *testing.T) {
	eachAcceptErrno(t, func(t *testing.T, errno syscall.Errno) {
		f, _ := faults.InChild(t)
		if f == nil {
			return
		}
		giotest.NoLeaks(t)
		l, addr := giotest.ListenOn(t, "tcp", "127.0.0.1:0")
		f.Fail(faults.Accept, errno, 0, 3)
		peer := giotest.Dial(t, addr)
		ctx, cancel := context.WithTimeout(t.Context(), giotest.Patience)
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
			giotest.RequireOpError(t, err, "accept", "tcp", want)
			require.NotErrorIs(t, err, net.ErrClosed)
		}
		require.EqualValues(t, 3, f.Stop(faults.Accept))
		t.Log(fmt.Sprint(told, " told"))
	})
}

// http.Server asks again after what is temporary, and ends after what is not.
func TestHTTPOutlivesAcceptsFaults(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.ENFILE, syscall.EMFILE, syscall.ENOMEM, syscall.ENOBUFS, syscall.ECONNABORTED, syscall.EPROTO, syscall.EINTR} {
		t.Run(errnoName(errno), func(t *testing.T) {
			f, _ := faults.InChild(t)
			if f == nil {
				return
			}
			for name, ln := range map[string]func() (net.Listener, net.Addr){
				"listener": func() (net.Listener, net.Addr) {
					l, addr := giotest.ListenOn(t, "tcp", "127.0.0.1:0")
					return l.NetListener(), addr
				},
				"service": func() (net.Listener, net.Addr) {
					svc, addr := giotest.NewService(t, &gio.ServiceConfig{Logger: giotest.Quiet})
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
					client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: giotest.Patience}
					f.Fail(faults.Accept, errno, 0, 3)
					for f.Failed(faults.Accept) < 3 {
						resp, err := client.Get("http://" + addr.String())
						require.NoError(t, err)
						body, err := io.ReadAll(resp.Body)
						require.NoError(t, err)
						require.NoError(t, resp.Body.Close())
						require.Equal(t, "here", string(body))
					}
					require.NoError(t, srv.Shutdown(t.Context()))
					require.ErrorIs(t, giotest.Receive(t, ended), http.ErrServerClosed)
				})
			}
		})
	}
}
