package netfd

import "time"

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
	fd.mu.Lock()
	fd.idle.limit.Store(0)
	err = p.file.SetDeadline(time.Unix(1, 0)) // wakes who waits in Read or Write
	fd.mu.Unlock()
	if err != nil {
		return bareError(err)
	}
	fd.fdmu.awaitLast() // nobody comes after them: no lock is needed from here on
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
