//go:build linux

package main

import (
	"errors"
	"fmt"
	"image/color"
	"os"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// The picture: a panel for each server at full echo, all with the same axes.
const (
	panelColumns = 2
	panelWidth   = vg.Length(380)
	panelHeight  = vg.Length(150)
	headHeight   = vg.Length(34)

	leastTime = 4.0 // ms, the bottom of the axis
	longTime  = 100.0
)

var (
	smooth = color.RGBA{0x2f, 0x6f, 0xb0, 0xff}
	stuck  = color.RGBA{0xc8, 0x3a, 0x2c, 0xff}
	grid   = color.RGBA{0xd0, 0xd0, 0xd0, 0xff}
)

// plot draws the frame times of each server's typical round.
func (r *runner) plot(file string) error {
	panels := []key{{noLoad, baseline}}
	most := longTime
	for _, b := range servers {
		if s := typical(r.samples[key{full, b}]); s != nil {
			panels = append(panels, key{full, b})
			most = max(most, s.longest())
		}
	}
	if len(panels) == 1 {
		return errors.New("it shows the load full, which was not measured")
	}
	rows := (len(panels) + panelColumns - 1) / panelColumns
	canvas := vgimg.NewWith(vgimg.UseWH(panelColumns*panelWidth, vg.Length(rows)*panelHeight+headHeight), vgimg.UseDPI(144))
	whole := draw.New(canvas)
	whole.FillText(headline(), vg.Point{X: whole.Center().X, Y: whole.Max.Y - 8},
		"Frame times while serving as many echoes as possible on 500 connections (ms; 16.7 is 60 frames a second)")
	body := draw.Crop(whole, 0, 0, 0, -headHeight+8)

	plots := make([][]*plot.Plot, rows)
	for i, k := range panels {
		p, err := r.panel(k, most)
		if err != nil {
			return err
		}
		plots[i/panelColumns] = append(plots[i/panelColumns], p)
	}
	for len(plots[rows-1]) < panelColumns {
		plots[rows-1] = append(plots[rows-1], nil)
	}
	tiles := draw.Tiles{Rows: rows, Cols: panelColumns, PadX: 14, PadY: 8, PadLeft: 6, PadRight: 14, PadBottom: 4}
	for i, line := range plot.Align(plots, tiles, body) {
		for j, at := range line {
			if plots[i][j] != nil {
				plots[i][j].Draw(at)
			}
		}
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := (vgimg.PngCanvas{Canvas: canvas}).WriteTo(f); err != nil {
		return err
	}
	return f.Close()
}

func headline() text.Style {
	style := plot.New().Title.TextStyle
	style.Font.Size = 11
	style.XAlign, style.YAlign = text.XCenter, text.YTop
	return style
}

// panel is one server: each frame is as long and as high as the time until it came.
func (r *runner) panel(k key, most float64) (*plot.Plot, error) {
	p := plot.New()
	title := plain(beside[k.beside].title)
	p.X.Min, p.X.Max = 0, r.length.Seconds()
	p.Y.Min, p.Y.Max = leastTime, most*1.2
	p.Y.Scale = plot.LogScale{}
	p.Y.Tick.Marker = plot.ConstantTicks{{Value: 16.7, Label: "16.7"}, {Value: 100, Label: "100"}, {Value: 1000, Label: "1,000"}, {Value: 10_000, Label: "10,000"}}
	p.X.Tick.Marker = wholeSeconds(r.length.Seconds())
	p.Title.TextStyle.Font.Size = 9.5
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Tick.Label.Font.Size = 8
		axis.Width = 0.5
	}
	p.X.Padding, p.Y.Padding = 0, 0
	s := typical(r.samples[k])
	if s == nil {
		p.Title.Text = title + ": not measured"
		return p, nil
	}
	p.Title.Text = fmt.Sprintf("%s: %d of %d frames, longest gap %.0f ms", title, s.count(), s.possible(), s.longest())
	lines := plotter.NewGrid()
	lines.Vertical.Width = 0
	lines.Horizontal.Color = grid
	p.Add(lines)
	for _, g := range s.gaps() {
		from, to, ms := max(0, (g.from-s.from)/1e6), min(p.X.Max, (g.to-s.from)/1e6), g.length()/1e3
		ms = max(ms, 1.1*leastTime)
		bar, err := plotter.NewPolygon(plotter.XYs{{X: from, Y: leastTime}, {X: from, Y: ms}, {X: to, Y: ms}, {X: to, Y: leastTime}})
		if err != nil {
			return nil, err
		}
		bar.Color, bar.Width = smooth, 0
		if ms >= longTime {
			bar.Color = stuck
		}
		p.Add(bar)
	}
	return p, nil
}

// wholeSeconds marks the whole seconds.
func wholeSeconds(length float64) plot.ConstantTicks {
	var ticks plot.ConstantTicks
	for s := 0.0; s <= length; s++ {
		ticks = append(ticks, plot.Tick{Value: s, Label: fmt.Sprintf("%.0f s", s)})
	}
	return ticks
}
