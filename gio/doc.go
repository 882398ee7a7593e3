// Package gio serves sockets with GIO's own GSocketService, from Go.
//
// It wraps GSocketListener, GSocketService, GThreadedSocketService,
// GSocketConnection and GSocketClient: the real objects of libgio do the work
// on a GLib main loop, so that a program interoperates with whatever else runs
// there. A connection is a net.Conn.
//
//	svc := gio.NewSocketService(nil)
//	addr, err := svc.Listen("tcp", "127.0.0.1:9000")
//	...
//	err = svc.Serve(ctx, gio.HandlerFunc(func(ctx context.Context, conn *gio.SocketConnection) {
//		io.Copy(conn, conn)
//	}))
//
// # When to use it, and when not
//
// Use it in a program that has a GLib main loop anyway (GTK, GApplication,
// GStreamer, GDBus), to hand connections to GIO code and take them from there,
// or to test against GIO. A Go program without GLib has package net, which
// needs no C library. Only Linux is supported.
//
// # Loops
//
// ServiceConfig.Loop names the main loop that a service accepts and calls its handlers
// on. A GTK program gives glibloop.Default(), which GTK iterates. With none, the service
// has a loop of its own on a thread of its own. glibloop.ThreadDefault is what a program
// in C gets without asking: the context that the calling thread has pushed.
//
// # Receiving connections
//
// A client that connects goes to the first of these that takes it:
//
//   - Handlers on the main loop, as in C: those of SocketService.ConnectIncoming, in
//     order, and then the class handler, ServiceConfig.Incoming. One that returns true
//     takes the connection. Handlers of a ThreadedSocketService, connected by ConnectRun,
//     run on threads instead.
//   - Serve: its handler runs on a goroutine for each connection, which is closed when
//     the handler returns.
//   - Conns, Accept or NetListener: one connection after the other, as fast as you ask.
//
// As long as there is none of these the service does not accept: clients wait in the
// kernel. The same holds while Block keeps every handler from being called.
// SocketService.Stats tells how many clients came and are connected, and in words
// why nobody is accepted.
//
// A client that was accepted is not closed because you receive connections in another
// way from then on: it waits for whoever asks next, or the signal "incoming" is emitted
// for it, if handlers are connected.
//
// IsActive and the property "active" are what your program wants, by Start, Stop and
// SetActive, or by calls and bindings of gotk4 and C. When the library pauses, for
// MaxConns or a lack of descriptors, they do not change.
//
// # Which thread am I on
//
//	Serve's handlers, range over Conns      a goroutine, free to block
//	ConnectIncoming, ServiceConfig.Incoming,
//	ConnectEvent, ConnectNotifyActive       the loop's thread: return at once
//	ConnectRun, ServiceConfig.Run           a thread of GIO's pool, free to block
//
// You may call everything on any goroutine, with these exceptions on the loop's own
// thread:
//
//   - Serve, Accept, Conns, Shutdown and a client's Dial and Connect methods could only
//     wait for themselves there: they return an error at once. So do Read and Write of a
//     StreamConn that would have to wait.
//   - Read and Write of a connection, Handshake, StartTLS, SendFile, ReceiveFile, and a
//     StreamConn whose halves cannot be polled, wait for the peer, and hold up the loop
//     meanwhile. Call them on goroutines. GLIBSERVE_DEBUG=stall logs the handler that
//     did so.
//   - Close does not wait there.
//
// Start and Stop, and the methods that change what is listened on, wait for the loop:
// don't call them while the loop waits for you.
//
// # Who owns a connection
//
// Serve closes it when the handler returns, unless Detach was called. What
// Conns, Accept or a client return, and what a handler took by returning true,
// you must Close. A connection that nobody took is closed. Close of a service
// closes all that it handed out, but for the detached.
//
// # Errors
//
// Connections return *net.OpError, as package net does. errors.Is finds
// net.ErrClosed, os.ErrDeadlineExceeded, syscall.ECONNRESET and the like; what
// GIO said is an *Error in the chain.
//
// # Panics
//
// A panic in a callback never unwinds through C. What it does depends on where it is:
//
//	Serve's handler, ConnectIncoming,       closes the connection, also a detached one;
//	ConnectRun, ServiceConfig.Incoming, Run is logged; the service goes on
//	ConnectEvent, ConnectNotifyActive,      is logged; the service goes on
//	ConnectNotifyBacklog
//	glibloop's Call                         Call returns a *glibloop.PanicError
//	glibloop's Post, PostLatest, Invoke,    ends the program
//	AfterFunc
//	your own goroutine, such as the body    panics there
//	of a loop over Conns
//
// The log has the stack, and the place where the callback was registered.
//
// A callback that leaves by runtime.Goexit, as t.FailNow and testify's require do, ends
// the program, with the place where it was registered. In Serve's handlers it does not.
//
// # TLS
//
// ServiceConfig.TLS and ClientConfig.TLS use GIO's own backend, of the package
// glib-networking; a connection is a *SocketConnection all the same, and what it
// reads and writes is the plain text. SocketService.ReloadTLS takes a renewed
// certificate. Or use crypto/tls over NetListener.
//
// GIO does a handshake on a thread of GTask's pool, which has ten, and waits there for
// the peer. So that peers who stall hold up nobody else, a server's handshake begins
// only when the client's first message is complete, and only a few are in progress at a
// time, the latest connection first: TLSConfig.MaxHandshakes, and three of clients. A
// peer that keeps others waiting loses its turn. The same goes for a GTlsConnection that
// NewStreamConn is given.
//
// # What comes in, and what goes out
//
// NewSocketConnection takes a GSocketConnection that other code has made, FileConn a
// connected socket that came as a file, SocketListener.AddSocket, AddListener and
// AddFile sockets that listen, NewStreamConn any other GIOStream.
// SocketClient.Connect connects to any GSocketConnectable.
//
// Gotk4, Native and Stream go the other way. Gotk4 returns gotk4's wrapper, which is
// never freed, Native the GObject's address without one. With TLS by GIO, GIO code that
// is given the connection reads and writes the plain text: Gotk4 and Native are a
// GTcpWrapperConnection then, and Stream is the GTlsConnection.
//
// From then on the object is theirs as well. They may close it: the peer sees the end,
// and Read and Write, also one that waits, return net.ErrClosed within a second. The
// garbage collector gives up this package's reference and closes nothing. Close closes
// for both, whoever waits on whichever thread. Such a connection takes a second
// descriptor. It is so after Gotk4 or Native of the connection or its Socket, and of
// every connection after Gotk4 or Native of the service.
//
// # What is repaired
//
// GIO breaks some promises of its documentation; this package keeps them. Stop,
// and adding an address, lose no client that waits in the queue. Start takes effect
// when an address is added, if there was none. Close stops first. When the process runs
// out of file descriptors, the service waits for one instead of spinning. A
// second listening socket is served while the first is busy. A threaded service
// goes on after it had reached its limit. A peer that was gone before it was
// accepted has an address.
//
// # Coming from GIO
//
// MAPPING.md, beside this file, has a row for every constructor, method,
// property, signal and virtual method of the seven classes: where it is here, or
// why it is not.
//
// # Debugging
//
// The environment variable GLIBSERVE_DEBUG has words, separated by commas:
//
//   - stall logs each handler that has held the loop's thread for a second
//     (stall=100ms: for that long), with the place where it was connected and its stack,
//     and once more when it returns.
//   - leaks logs each connection that was forgotten, and at Close how many connections
//     there were. Of those it tells how many are gone: the GObject was finalized, or the
//     connection never had one and is closed.
//   - nodirect (once called norush) has GIO accept all clients, see below.
//
// # Who accepts
//
// GIO's objects own the sockets and the service. GIO accepts, on the loop's thread,
// wherever anybody can see an emission of "incoming": a handler is connected,
// ServiceConfig.Incoming is set, the service is threaded, or Gotk4 or Native of the
// service was called. Otherwise goroutines of the library accept from GIO's sockets for
// Serve, Conns, Accept and NetListener, and a connection becomes a GSocketConnection when
// something is called that needs one, such as Gotk4, SetNoDelay or CloseWrite.
//
// A connection's bytes move by the system calls that GSocket would make, without
// GSocket; TLS, credentials and passed files are GIO's. A library that replaces
// functions of the C library (by LD_PRELOAD) sees only GIO's calls.
//
// # Sockets that others have, too
//
// A socket's mode is that of all its duplicates: a program that was started with
// one, or os.File.Fd, may make it a blocking one at any moment. Nothing here waits
// in a system call for that. A listening socket is made non-blocking again when a
// client comes, and has SO_RCVTIMEO set to the least there is, which ends a
// blocking accept(2) with EAGAIN; whoever accepts from the same socket sees both.
// Multipath TCP, which package net listens with, has no such timeout: the thread that
// accepts gets SIGURG, after some milliseconds, as Go's scheduler sends it. Leave
// that signal its handler.
//
// # SIGPIPE
//
// GSocket has the signal ignored in the whole process from the first socket on, and
// with it every program that the process becomes or starts by exec alone. Importing
// this package puts a handler in its place that does nothing. It protects the threads
// of GLib, which Go's own does not, and ends with exec: what syscall.Exec starts gets
// the signal as usual. A write to a broken pipe is EPIPE, and one to standard output
// or error ends the program, as in every Go program. os/signal reports SIGPIPE for
// those two alone; signal.Ignore is obeyed.
package gio
