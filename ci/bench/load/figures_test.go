//go:build linux

package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/ci/bench/internal/report"
)

func TestQuantilesAreWithinAHundredth(t *testing.T) {
	var h hist
	for ns := int64(1); ns <= 1_000_000; ns += 7 {
		h.add(ns)
	}
	for _, q := range []float64{0.01, 0.5, 0.9, 0.99, 0.999} {
		require.InEpsilon(t, q*1_000_000, h.quantile(q), 0.01)
	}
	var both hist
	both.merge(&h)
	both.merge(&h)
	require.InDelta(t, h.quantile(0.5), both.quantile(0.5), 0)
	require.Zero(t, (&hist{}).quantile(0.5))
	h.add(-1) // a clock that went back
	h.add(int64(100 * 365 * 24 * time.Hour))
}

func TestEveryDurationIsInItsBucket(t *testing.T) {
	for ns := int64(0); ns < 1<<40; ns += ns/3 + 1 {
		require.InDelta(t, float64(ns), histValue(histIndex(ns)), float64(ns)/128+1)
	}
}

func TestParseWrk(t *testing.T) {
	const out = `Running 3s test @ http://127.0.0.1:8080/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.20ms  821.03us  12.85ms   76.10%
    Req/Sec    55.20k     3.17k   60.90k    70.00%
  Latency Distribution
     50%    1.03ms
     75%    1.60ms
     90%    2.26ms
     99%   39.50ms
  164868 requests in 3.00s, 20.44MB read
  Socket errors: connect 0, read 3, write 0, timeout 1
  Non-2xx or 3xx responses: 7
Requests/sec:  54948.65
Transfer/sec:      6.81MB
`
	var r report.Report
	require.NoError(t, parseWrk([]byte(out), &r))
	require.Equal(t, report.Report{
		Ops: 164868, Seconds: 3, P50: 1.03e6, P99: 39.5e6,
		Errors: map[string]int{"wrk: read": 3, "wrk: timeout": 1, "wrk: the answer is not 200 OK": 7},
	}, r)
	require.Error(t, parseWrk([]byte("unable to connect"), &r))
}
