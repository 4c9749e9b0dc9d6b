package scorer

import "github.com/onlooker-ueba/onlooker/ueba"

// levels in rising order.
var levels = [...]ueba.RiskLevel{ueba.Low, ueba.Medium, ueba.High, ueba.Critical}

// band is a level with its memory: it is entered at once and left only after R has been
// well below its bound for some days, so that it does not flicker.
type band struct {
	rank  int
	below int // days in a row that R has been below the bound by more than Leave
}

// move takes the band to a new day's R.
func (b *band) move(c *Config, r float64) {
	now := rankOf(c, r)
	switch {
	case now >= b.rank:
		b.rank, b.below = now, 0
	case r >= c.Bounds[b.rank-1]-c.Leave:
		b.below = 0
	default:
		if b.below++; b.below >= c.LeaveDays {
			b.rank, b.below = now, 0
		}
	}
}

func rankOf(c *Config, r float64) int {
	rank := 0
	for rank < len(c.Bounds) && r >= c.Bounds[rank] {
		rank++
	}
	return rank
}

// hold is a grave detection whose alert keeps the level up until somebody judges it.
type hold struct {
	day  ueba.Day
	rule string
	id   string
	rank int
}

// strongest returns the hold of the highest level, the newest of equals, or nil.
func strongest(holds []hold) *hold {
	var best *hold
	for i := range holds {
		if best == nil || holds[i].rank >= best.rank {
			best = &holds[i]
		}
	}
	return best
}
