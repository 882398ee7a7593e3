//go:build linux

package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/glibserve/glibserve/ci/bench/internal/report"
)

// figure is one row of a kind of work: a number that each report has, whose
// median is shown and compared.
type figure struct {
	name   string
	value  func(r *report.Report) float64
	digits int // significant ones; 0 for whole numbers
	// detail is shown beside the value, and not compared.
	detail []func(r *report.Report) float64
	join   string // between the details
}

func perSecond(r *report.Report) float64 { return r.Ops / r.Seconds }

const (
	micro = 1e3 // ns
	mega  = 1e6 // bytes
)

var (
	opsFigure = figure{name: "operations/s", digits: 4, value: perSecond}
	mbFigure  = figure{name: "MB/s", digits: 4, value: perSecond}
	p50Figure = figure{name: "p50, µs", digits: 3, value: func(r *report.Report) float64 { return r.P50 / micro }}
	p99Figure = figure{name: "p99, µs", digits: 3, value: func(r *report.Report) float64 { return r.P99 / micro }}
	cpuFigure = figure{
		name: "server CPU, µs each (user+system)", digits: 3,
		value: func(r *report.Report) float64 { return r.CPU / micro / r.Ops },
		detail: []func(r *report.Report) float64{
			func(r *report.Report) float64 { return r.User / micro / r.Ops },
			func(r *report.Report) float64 { return r.Sys / micro / r.Ops },
		},
		join: "+",
	}
	rssFigure = figure{
		name: "resident, MB (peak)", digits: 3,
		value:  func(r *report.Report) float64 { return r.RSS / mega },
		detail: []func(r *report.Report) float64{func(r *report.Report) float64 { return r.HWM / mega }},
	}
	perConnFigure = figure{name: "bytes each", value: func(r *report.Report) float64 { return r.PerConn }}
	threadsFigure = figure{name: "threads", value: func(r *report.Report) float64 { return r.Threads }}
	callFigure    = figure{name: "ns a call", digits: 3, value: func(r *report.Report) float64 { return r.P50 }}
)

func values(reports []*report.Report, value func(r *report.Report) float64) []float64 {
	all := make([]float64, 0, len(reports))
	for _, r := range reports {
		if v := value(r); !math.IsNaN(v) && !math.IsInf(v, 0) {
			all = append(all, v)
		}
	}
	return all
}

// median of the figure in a number of reports.
func (f *figure) median(reports []*report.Report) float64 { return median(values(reports, f.value)) }

// cell is what the table says.
func (f *figure) cell(reports []*report.Report) string {
	m := f.median(reports)
	if math.IsNaN(m) {
		return "–"
	}
	text := number(m, f.digits)
	if len(f.detail) == 0 {
		return text
	}
	parts := make([]string, len(f.detail))
	for i, value := range f.detail {
		parts[i] = number(median(values(reports, value)), f.digits)
	}
	return fmt.Sprintf("%s (%s)", text, strings.Join(parts, f.join))
}

// number writes v with so many significant digits, 0 for a whole number, and
// commas between thousands.
func number(v float64, digits int) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "–"
	}
	decimals := 0
	if digits > 0 && v != 0 {
		v, _ = strconv.ParseFloat(strconv.FormatFloat(v, 'e', digits-1, 64), 64)
		decimals = digits - 1 - int(math.Floor(math.Log10(math.Abs(v))))
	}
	whole, fraction, found := strings.Cut(fmt.Sprintf("%.*f", max(0, decimals), v), ".")
	for i := len(whole) - 3; i > 0 && whole[i-1] != '-'; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if found {
		return whole + "." + fraction
	}
	return whole
}
