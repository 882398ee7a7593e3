package netfd

import "time"

// Quiesce wakes whoever waits and returns when nobody uses the descriptor any more,
// which can still be waited for: by SendLast alone. It is for between BeginClose and
// Evict.
func (fd *FD) Quiesce() (err error) {
	fd.mu.Lock()
	fd.idle.limit.Store(0)
	fd.quiet = true // nobody takes a place in a poller to wait at
	fd.wakeShared()
	if p := fd.poller.Load(); p != nil {
		err = p.file.SetDeadline(time.Unix(1, 0))
	}
	fd.mu.Unlock()
	if err != nil {
		return bareError(err)
	}
	fd.fdmu.awaitLast() // nobody comes after them: no lock is needed from here on
	fd.mu.Lock()
	fd.quiet = false
	fd.mu.Unlock()
	return nil
}

// SendLast sends b for as long as patience lasts, after Quiesce.
func (fd *FD) SendLast(b []byte, patience time.Duration) error {
	p, err := fd.register()
	if err != nil {
		return err
	}
	if err := p.file.SetDeadline(time.Now().Add(patience)); err != nil {
		return bareError(err)
	}
	o := &fd.ops[Writing]
	o.buf, o.n, o.want, o.errno = b, 0, int64(len(b)), 0
	err = fd.poll(p, Writing)
	o.buf = nil
	if err == nil && o.errno != 0 {
		return ErrnoError("send", o.errno)
	}
	return bareError(err)
}

// Drain is a graceful end, between BeginClose and Evict: it ends our side, drops
// what still arrives and returns when the peer has closed its own side, with an
// error when the peer may not have read all. It does nothing unless the
// GTcpConnection is to be closed so.
func (fd *FD) Drain(patience time.Duration) error {
	if !fd.HasObjects() || fd.closedByOthers() || !fd.objects.native.Graceful() {
		return nil
	}
	p, err := fd.register()
	if err != nil {
		return err
	}
	if err := fd.Quiesce(); err != nil {
		return err
	}
	if errno := fd.objects.native.Shutdown(false, true); errno != 0 {
		return ErrnoError("shutdown", errno)
	}
	if err := p.file.SetDeadline(time.Now().Add(patience)); err != nil {
		return bareError(err)
	}
	o := &fd.ops[Reading]
	for buf := make([]byte, 4096); ; {
		o.buf, o.n, o.want, o.errno = buf, 0, 1, 0
		err := fd.poll(p, Reading)
		switch {
		case err != nil:
			return bareError(err)
		case o.errno != 0:
			return ErrnoError("recv", o.errno)
		case o.n == 0:
			return nil
		}
	}
}
