package console

import (
	"fmt"
	"math"
	"strings"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// chart is the geometry of a line of scores over days; the template draws it. The scale is
// always 0 to 100, so that two charts side by side can be compared.
type chart struct {
	W, H                     float64
	Left, Right, Top, Bottom float64 // edges of the plot
	Bands                    []chartBand
	Lines                    []string // points of polylines; a day without a score ends one
	Dots                     []chartDot
	XTicks                   []chartTick
	YTicks                   []chartTick
}

type chartBand struct {
	Level  ueba.RiskLevel
	Y, H   float64
	LabelY float64
}

type chartDot struct {
	X, Y     float64
	HitX     float64 // the column that can be clicked …
	HitW     float64 // … and how wide it is
	Day      ueba.Day
	Score    float64
	Level    ueba.RiskLevel
	Selected bool
	Open     bool
}

type chartTick struct {
	At    float64
	Label string
}

// sparkline is a chart of nothing but the line and its end.
func sparkline(scores []ueba.RiskScore, from, to ueba.Day) chart {
	c := chart{W: 116, H: 38, Left: 2, Right: 112, Top: 4, Bottom: 35}
	c.plot(scores, from, to, ueba.NoDay)
	if n := len(c.Dots); n > 0 {
		c.Dots = c.Dots[n-1:]
	}
	return c
}

// history is a chart with level bands, axes and a mark for each day.
func history(scores []ueba.RiskScore, from, to, selected ueba.Day, width float64, bounds [3]float64) chart {
	c := chart{W: width, H: 236, Left: 34, Right: width - 52, Top: 12, Bottom: 206}
	c.bands(bounds)
	c.plot(scores, from, to, selected)
	for _, v := range []float64{0, bounds[0], bounds[1], bounds[2], 100} {
		c.YTicks = append(c.YTicks, chartTick{c.y(v), fmt.Sprintf("%g", v)})
	}
	step := ueba.Day(1)
	for float64(to-from)/float64(step)*52 > c.Right-c.Left {
		step++
	}
	for d := to; d >= from; d -= step {
		c.XTicks = append(c.XTicks, chartTick{c.x(d, from, to), d.Midnight().Format("01-02")})
	}
	return c
}

func (c *chart) bands(bounds [3]float64) {
	edges := [...]float64{0, bounds[0], bounds[1], bounds[2], 100}
	for i, level := range [...]ueba.RiskLevel{ueba.Low, ueba.Medium, ueba.High, ueba.Critical} {
		top, bottom := c.y(edges[i+1]), c.y(edges[i])
		c.Bands = append(c.Bands, chartBand{Level: level, Y: top, H: round1(bottom - top), LabelY: round1(top + (bottom-top)/2 + 4)})
	}
}

func (c *chart) plot(scores []ueba.RiskScore, from, to, selected ueba.Day) {
	var line []string
	last := ueba.NoDay
	end := func() {
		if len(line) > 0 {
			c.Lines = append(c.Lines, strings.Join(line, " "))
		}
		line = nil
	}
	column := (c.Right - c.Left) / float64(max(to-from, 1))
	for i := range scores {
		s := &scores[i]
		if s.State == ueba.Unmonitored || s.Day < from || s.Day > to {
			continue // a day that nobody watched is a gap, not a zero
		}
		if s.Day != last+1 {
			end()
		}
		x, y := c.x(s.Day, from, to), c.y(s.R)
		line = append(line, fmt.Sprintf("%g,%g", x, y))
		last = s.Day
		c.Dots = append(c.Dots, chartDot{
			X: x, Y: y, HitX: round1(x - column/2), HitW: round1(column), Day: s.Day, Score: s.R,
			Level: s.Level, Selected: s.Day == selected, Open: s.Open,
		})
	}
	end()
}

func (c *chart) x(d, from, to ueba.Day) float64 {
	if to <= from {
		return c.Right
	}
	return round1(c.Left + (c.Right-c.Left)*float64(d-from)/float64(to-from))
}

func (c *chart) y(r float64) float64 {
	return round1(c.Bottom - (c.Bottom-c.Top)*min(max(r, 0), 100)/100)
}

func round1(f float64) float64 { return math.Round(f*10) / 10 }
