package judge_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/ci/soak/judge"
)

// series makes n samples of a server that is well, changed by f.
func series(n int, f func(i int, s *judge.Sample)) []judge.Sample {
	var all []judge.Sample
	for i := range n {
		s := judge.Sample{
			At: time.Duration(i) * time.Second, RSS: 20 << 20, Heap: 2 << 20, FDs: 30, Goroutines: 50, Threads: 12,
			Accepted: int64(i) * 1000, Finalized: int64(i) * 1000,
		}
		if f != nil {
			f(i, &s)
		}
		all = append(all, s)
	}
	return all
}

func TestFlatIsWell(t *testing.T) {
	noise := rand.New(rand.NewPCG(1, 2))
	require.Empty(t, judge.Judge(series(40, func(i int, s *judge.Sample) {
		s.RSS += noise.Int64N(3 << 20)
		s.Heap += noise.Int64N(1 << 20)
		s.Goroutines += noise.Int64N(60)
		s.Threads += noise.Int64N(12)
		s.FDs += noise.Int64N(4)
	}), judge.Limits(1)))
}

func TestWarmUpIsNoGrowth(t *testing.T) {
	require.Empty(t, judge.Judge(series(20, func(i int, s *judge.Sample) {
		s.RSS += int64(min(i, 9)) << 20
		s.Goroutines += int64(min(i, 9)) * 8
	}), judge.Limits(1)))
}

func TestOneOutlierIsNoGrowth(t *testing.T) {
	for at := range 20 {
		require.Empty(t, judge.Judge(series(20, func(i int, s *judge.Sample) {
			if i == at {
				s.RSS += 50 << 20
				s.Goroutines += 500
			}
		}), judge.Limits(1)), "at %d", at)
	}
}

func TestEachKindOfGrowthIsFound(t *testing.T) {
	noise := rand.New(rand.NewPCG(3, 4))
	for want, f := range map[string]func(i int64, s *judge.Sample){
		"resident memory": func(i int64, s *judge.Sample) { s.RSS += i*300<<10 + noise.Int64N(1<<20) },
		"Go heap":         func(i int64, s *judge.Sample) { s.Heap += i*200<<10 + noise.Int64N(1<<19) },
		"descriptors":     func(i int64, s *judge.Sample) { s.FDs += i },
		"goroutines":      func(i int64, s *judge.Sample) { s.Goroutines += 40*i + noise.Int64N(10) },
		"OS threads":      func(i int64, s *judge.Sample) { s.Threads += 2 * i },
		"GObjects alive":  func(i int64, s *judge.Sample) { s.Finalized -= i },
		"GSocketConnections are alive": func(i int64, s *judge.Sample) {
			if i == 19 {
				s.Finalized--
			}
		},
		"connections were forgotten": func(i int64, s *judge.Sample) { s.Forgotten = 1 },
		"handlers have not returned": func(i int64, s *judge.Sample) { s.Handlers = 1 },
	} {
		wrong := judge.Judge(series(20, func(i int, s *judge.Sample) { f(int64(i), s) }), judge.Limits(1))
		require.NotEmpty(t, wrong, want)
		require.Contains(t, wrong[0], want)
	}
}

func TestTooFewSamplesAreNoVerdict(t *testing.T) {
	require.Contains(t, judge.Judge(series(3, nil), judge.Limits(1))[0], "only 3 samples")
}
