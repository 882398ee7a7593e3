//go:build linux

package proc

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseStatSurvivesAnyName(t *testing.T) {
	user, sys, err := parseStat([]byte("7 (a) b (c) R 1 7 7 0 -1 4194304 100 0 0 0 250 31 0 0 20 0 1 0 5 0 0"))
	require.NoError(t, err)
	require.Equal(t, 2500*time.Millisecond, user)
	require.Equal(t, 310*time.Millisecond, sys)
}

func TestCPUGrowsWithWork(t *testing.T) {
	before, err := ReadCPU(os.Getpid())
	require.NoError(t, err)
	var used CPU
	for used.Total <= 5*time.Millisecond { // however long that takes on a busy machine
		after, err := ReadCPU(os.Getpid())
		require.NoError(t, err)
		used = after.Sub(before)
	}
	if used.User+used.Sys != 0 { // a tick fell into it
		require.Equal(t, used.Total, used.User+used.Sys)
	}
}

func TestMemoryOfThisProcess(t *testing.T) {
	m, err := ReadMemory(os.Getpid())
	require.NoError(t, err)
	require.Greater(t, m.RSS, int64(1<<20))
	require.GreaterOrEqual(t, m.HWM, m.RSS/2)
	require.Positive(t, m.Threads)
}

func TestMemoryOfNobody(t *testing.T) {
	_, err := ReadMemory(1 << 30)
	require.Error(t, err)
	_, err = parseStatus([]byte("Name:\tzombie\nState:\tZ (zombie)\nThreads:\t1\n"))
	require.ErrorContains(t, err, "has ended")
}

func TestParseMachineCountsWorkOnly(t *testing.T) {
	busy, err := parseMachine([]byte("cpu  1 2 4 800 1600 8 16 32 64 128\ncpu0 1 1 1 1 1 1 1 1 1 1\n"))
	require.NoError(t, err)
	require.Equal(t, 630*time.Millisecond, busy)
	_, err = parseMachine([]byte("intr 1\n"))
	require.Error(t, err)
}
