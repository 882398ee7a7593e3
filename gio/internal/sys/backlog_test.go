package sys

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBacklogIsWhatTheSystemSays(t *testing.T) {
	for said, want := range map[string]int{
		"4096\n": 4096, "128": 128, "2147483647\n": math.MaxInt32, "99999999999": math.MaxInt32,
		"": unknownBacklog, "0\n": unknownBacklog, "-1": unknownBacklog, "many": unknownBacklog,
	} {
		require.Equal(t, want, parseBacklog(said), "%q", said)
	}
}
