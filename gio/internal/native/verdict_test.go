package native

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The numbers are those of listener.h, which C reads.
func TestVerdictIsPackedAsCReadsIt(t *testing.T) {
	for _, tt := range []struct {
		v    Verdict
		want int
	}{
		{Verdict{}, 0},
		{Verdict{Handled: true}, 1},
		{Verdict{KeepRef: true}, 2},
		{Verdict{ChainUp: true}, 4},
		{Verdict{Pause: PausePending}, 2 << 8},
		{Verdict{Handled: true, KeepRef: true, Pause: PausePending | PauseMaxConns}, 3 | 6<<8},
	} {
		require.Equal(t, tt.want, int(tt.v.pack()), "%+v", tt.v)
	}
}
