package giostream

import (
	"github.com/glibserve/glibserve/gio/internal/native"
)

// CloseRead has Read return the end of file once the socket is shut down.
func (t *TLS) CloseRead() { t.readClosed.Store(true) }

// CloseWrite sends close_notify: the peer reads its end of file. The caller holds
// Writing's lock.
func (t *TLS) CloseWrite() error {
	if !t.ended {
		if err := t.readyToWrite(); err != nil {
			return err
		}
		if err := t.endWriting(); err != nil {
			return err
		}
	}
	// Not by GIO, which would keep Read out until the peer has taken it.
	n, err := t.fd.WriteLocked(t.held)
	t.held = t.held[n:]
	return err
}

// endWriting has TLS say close_notify after all that it has taken, without waiting
// for the peer: what the socket does not take is held.
func (t *TLS) endWriting() error {
	t.stream.Hold(true)
	if len(t.rest) > 0 {
		_, _ = t.stream.Write(t.rest, native.Cancellable{})
	}
	if !t.cut {
		// GIO code may be about something else with the TLS stream.
		t.one.Lock()
		err := withTimeout(t.stream.CloseWrite)
		t.one.Unlock()
		if err != nil {
			t.stream.Hold(false)
			return err
		}
	}
	t.ended, t.rest, t.held = true, nil, t.stream.Held()
	return nil
}

// SayEnd is for Close, before the descriptor's end: it wakes whoever uses that and
// has TLS say its end to the peer. It does not wait for a peer that does not take
// that at once, but returns what does, for a while, or nil.
func (t *TLS) SayEnd() (wait func()) {
	if t == nil || !t.hs.finished() || t.hs.err != nil || t.fd.Quiesce() != nil {
		return nil
	}
	if !t.ended && (!t.cut || len(t.rest) > 0) {
		_ = t.endWriting()
	}
	if len(t.held) == 0 {
		t.discard()
		return nil
	}
	return func() {
		_ = t.fd.SendLast(t.held, closeTime)
		t.discard()
	}
}

// discard takes what the peer has sent that is not for the user: tickets, and its
// close_notify. The kernel would take them for bytes that nobody has read, reset the
// connection for it, and forget what it has still to send. Bytes that are the user's
// stay where they are: for those it does so without TLS as well.
func (t *TLS) discard() {
	_, _ = t.stream.Read(make([]byte, 1), native.Cancellable{})
}

// End closes TLS and then the connection below, whose reference it takes over: when
// the handshake is over, if it is in progress. Nobody uses the descriptor any more.
// With closeStream false it gives up the references alone. So it does with outer, the
// connection that others have the plain text from, if there is one.
func (t *TLS) End(below, outer native.Connection, closeStream bool) {
	t.rdl.set(zeroTime)
	t.wdl.set(zeroTime)
	if !t.hs.running() {
		t.endNow(below, outer, closeStream)
		return
	}
	go func() {
		<-t.hs.done
		t.endNow(below, outer, closeStream)
	}()
}

func (t *TLS) endNow(below, outer native.Connection, close bool) {
	if t.stream.Valid() {
		if close {
			closeStream(t.stream, true) // SayEnd has said what there is to say
		}
		t.stream.Free()
	}
	for _, n := range []native.Connection{below, outer} {
		switch {
		case !n.Valid():
		case close:
			n.Close()
		default:
			n.Unref()
		}
	}
}
