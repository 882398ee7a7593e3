package sockaddr

import "time"

// LockDir is lockDir, which waits no longer than d.
func LockDir(dir string, d time.Duration) (unlock func(), err error) {
	old := lockPatience
	lockPatience = d
	defer func() { lockPatience = old }()
	return lockDir(dir)
}

// LockDirPatiently is lockDir.
var LockDirPatiently = lockDir
