// Package gio serves sockets with GIO's own GSocketService, from Go.
//
// It wraps GSocketListener, GSocketService, GThreadedSocketService,
// GSocketConnection and GSocketClient: the real objects of libgio do the work
// on a GLib main loop, so that a program interoperates with whatever else runs
// there, and a connection is simply a net.Conn.
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
// # Taking clients
//
// A client goes to the first of these that wants it.
//
//   - Handlers on the main loop, as in C: SocketService.ConnectIncoming and the
//     class handler ServiceConfig.Incoming. They run on the loop's thread and
//     must return at once.
//   - Serve: a goroutine for each connection, closed when the handler returns.
//   - Conns, Accept and NetListener: one after the other, as fast as you ask.
//
// A service that nobody would take a client from does not accept: clients wait
// in the kernel until there is a handler, or one that Block keeps from being called
// is unblocked. SocketService.Stats tells how many came and are here, and why nobody
// is accepted, in words.
//
// GIO's objects own the sockets and the service, and GIO accepts, on the loop's
// thread, wherever anybody can see an emission of "incoming": a handler is
// connected, ServiceConfig.Incoming is set, the service is threaded, or Gotk4 or Native
// of the service was called. Otherwise goroutines of the library accept from GIO's sockets
// for Serve, Conns, Accept and NetListener. What was accepted so becomes a
// GSocketConnection when something is called that needs one, such as Gotk4,
// SetNoDelay or CloseWrite. GLIBSERVE_DEBUG=nodirect in the environment (norush of
// old) leaves all accepting to GIO.
//
// A client that was accepted is not closed because another way of taking clients
// came: it waits for whoever asks next, or is offered to the handlers by an emission
// of its own.
//
// The property "active" is the user's: Start, Stop, SetActive, gotk4's or C's calls
// and bindings. When the library pauses, for MaxConns or a lack of descriptors,
// nothing of it shows there.
//
// A connection's bytes move by the system calls that GSocket would make, without
// GSocket; TLS and what goes beside the bytes is GIO's. What replaces functions of
// the C library (by LD_PRELOAD) sees only GIO's calls.
//
// Gotk4 or Native, of the connection, its Socket or before that of the service, gives
// the object to others, and it is theirs as well from then on. They may close it: the
// peer sees the end, and Read and Write, also one that waits, are net.ErrClosed
// within a second. The garbage collector gives up this package's reference and
// closes nothing. Close closes for both, whoever waits on whichever thread. Such a
// connection takes a second descriptor.
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
// # What comes in, and what goes out
//
// NewSocketConnection takes a GSocketConnection that other code has made, FileConn a
// connected socket that came as a file, SocketListener.AddSocket, AddListener and
// AddFile sockets that listen, NewStreamConn any other GIOStream.
// SocketClient.Connect connects to any GSocketConnectable.
//
// Gotk4, Native and Stream go the other way. Native is the GObject's address, without
// gotk4's wrapper, which is never freed. With TLS by GIO, GIO code that is given the
// connection reads and writes the plain text: Gotk4 and Native are a
// GTcpWrapperConnection then, and Stream is the GTlsConnection.
//
// # Which thread am I on
//
//	Serve's handlers, range over Conns      a goroutine, free to block
//	ConnectIncoming, ServiceConfig.Incoming,
//	ConnectEvent, ConnectNotifyActive       the loop's thread: return at once
//	ConnectRun, ServiceConfig.Run           a thread of GIO's pool, free to block
//	everything you call                     any goroutine
//
// Methods that change what is listened on, and Start and Stop, wait for the
// loop: don't call them while the loop waits for you. Methods of a connection
// never need the loop.
//
// On the loop's own thread Serve, Accept, Conns, Shutdown and a client's Dial and
// Connect methods return an error at once, and so do Read and Write of a StreamConn
// where they would have to wait: they could only wait for themselves. Close does not
// wait there. What waits for the peer holds the loop as anything else would (Read and
// Write of a connection, Handshake, StartTLS, SendFile, ReceiveFile, a StreamConn whose
// halves cannot be polled) and is for goroutines: GLIBSERVE_DEBUG=stall names it.
//
// # Loops
//
// ServiceConfig.Loop names the loop. A GTK program gives glibloop.Default(),
// which GTK iterates. With none, the service has a loop of its own on a thread
// of its own. glibloop.ThreadDefault is what a GIO program gets without asking: the
// context that the thread has pushed.
//
// # Who owns a connection
//
// Serve closes it when the handler returns, unless Detach was called. What
// Conns, Accept or a client return, and what a handler took by returning true,
// is the receiver's to Close. One that nobody took is closed. Close of a service
// closes all that it handed out, but for the detached.
//
// # What is repaired
//
// GIO breaks some promises of its documentation; this package keeps them. Stop,
// and adding an address, lose no client that waits in the queue. Start before
// the first address is remembered. Close stops first. When the process runs
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
// # Panics
//
// A panic in a callback never unwinds through C. In a handler of ConnectIncoming
// or ConnectRun, in ServiceConfig.Incoming or Run, or in Serve's, it closes the
// connection, also a detached one; in ConnectEvent, ConnectNotifyActive and
// ConnectNotifyBacklog nothing else happens. It is logged with its stack and the
// place where the callback was registered, and the service goes on. What runs on
// your own goroutine, such as the body of a loop over Conns, panics there. A
// function posted to the loop by Post, Invoke or AfterFunc ends the program.
// So does every callback but Serve's that leaves by runtime.Goexit, as t.FailNow
// and testify's require do, with the place where it was registered.
//
// # TLS
//
// ServiceConfig.TLS and ClientConfig.TLS use GIO's own backend, of the package
// glib-networking; a connection is a *SocketConnection all the same, and what it
// reads and writes is the plain text. SocketService.ReloadTLS takes a renewed
// certificate. Or use crypto/tls over NetListener.
//
// GIO does a handshake on a thread of GTask's pool, which has ten, and waits there for
// the peer. So a server's handshake begins once the client's first message is whole,
// and a few at a time are in progress, the latest connection first:
// TLSConfig.MaxHandshakes, and three of clients. A peer that keeps others waiting loses
// its turn. Peers that stall therefore hold up nobody, GIO's resolver included. The
// same goes for a GTlsConnection that NewStreamConn is given.
//
// # Errors
//
// Connections return *net.OpError, as package net does. errors.Is finds
// net.ErrClosed, os.ErrDeadlineExceeded, syscall.ECONNRESET and the like; what
// GIO said is an *Error in the chain.
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
//
// # Debugging
//
// GLIBSERVE_DEBUG=leaks logs each connection that was forgotten, counts
// connections and tells at Close how many there were and how many of them GObject
// has finalized, or never knew and are closed.
// GLIBSERVE_DEBUG=stall warns when a handler has held the loop's thread for a
// second, stall=100ms after that time: where it was connected, its stack, and
// once more when it returns. GLIBSERVE_DEBUG=nodirect has GIO accept all clients.
// Words are separated by commas.
package gio
