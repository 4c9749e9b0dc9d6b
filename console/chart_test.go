package console

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/onlooker-ueba/onlooker/ueba"
)

func scoresOn(from ueba.Day, rs ...float64) []ueba.RiskScore {
	var out []ueba.RiskScore
	for i, r := range rs {
		s := ueba.RiskScore{Day: from + ueba.Day(i), R: r, State: ueba.Scored, Level: levelOf(r)}
		if r < 0 {
			s.State, s.R = ueba.Unmonitored, 0
		}
		out = append(out, s)
	}
	return out
}

func TestUnmonitoredDaysAreAGap(t *testing.T) {
	c := sparkline(scoresOn(100, 10, 20, -1, 30, 40), 100, 104)
	if len(c.Lines) != 2 || strings.Count(c.Lines[0], ",") != 2 || strings.Count(c.Lines[1], ",") != 2 {
		t.Errorf("lines %q: want two, broken where nobody watched", c.Lines)
	}
}

func TestHistoryMarks(t *testing.T) {
	c := history(scoresOn(100, 0, 50, 100), 100, 102, 101, 600, [3]float64{40, 60, 80})
	if c.Dots[0].Y != c.Bottom || c.Dots[2].Y != c.Top || c.Dots[1].Y != round1((c.Top+c.Bottom)/2) {
		t.Errorf("0, 50 and 100 lie at %g, %g, %g", c.Dots[0].Y, c.Dots[1].Y, c.Dots[2].Y)
	}
	if c.Dots[0].Selected || !c.Dots[1].Selected {
		t.Error("the chosen day is not the marked one")
	}
	var height float64
	for _, b := range c.Bands {
		height += b.H
	}
	if len(c.Bands) != 4 || height < c.Bottom-c.Top-.2 || height > c.Bottom-c.Top+.2 {
		t.Errorf("%d bands of %g, the plot has %g", len(c.Bands), height, c.Bottom-c.Top)
	}
	if c.XTicks[0].Label != ueba.Day(102).Midnight().Format("01-02") {
		t.Errorf("the newest day has no label: %v", c.XTicks)
	}
}

func TestChartStaysInItsFrame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := ueba.Day(rapid.IntRange(0, 20000).Draw(t, "from"))
		rs := rapid.SliceOf(rapid.Float64Range(-5, 140)).Draw(t, "rs")
		to := from + ueba.Day(rapid.IntRange(0, 90).Draw(t, "days"))
		c := history(scoresOn(from, rs...), from, to, from, rapid.SampledFrom([]float64{356, 1160}).Draw(t, "width"), [3]float64{40, 60, 80})
		for _, d := range c.Dots {
			if d.X < c.Left || d.X > c.Right || d.Y < c.Top || d.Y > c.Bottom {
				t.Fatalf("dot at %g,%g", d.X, d.Y)
			}
		}
		if n := len(c.XTicks); n == 0 || float64(n-1)*52 > c.Right-c.Left+1 {
			t.Fatalf("%d labels on %g px", n, c.Right-c.Left)
		}
	})
}

func TestChangeText(t *testing.T) {
	for _, e := range []struct {
		d    float64
		want change
	}{{3.14, change{"+3.1", "up"}}, {-3.14, change{"−3.1", "down"}}, {0, change{"±0", "same"}}, {-0.04, change{"±0", "same"}}, {0.04, change{"±0", "same"}}} {
		if got := changeText(e.d, 1); got != e.want {
			t.Errorf("changeText(%g) = %v, want %v", e.d, got, e.want)
		}
	}
}
