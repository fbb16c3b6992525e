package cluster

import (
	"math"
	"time"
)

// Unknown is the lag of a replica of which nothing is known.
const Unknown = time.Duration(math.MaxInt64)

// historySize is how many positions of the primary are remembered: ten minutes at one a second.
const historySize = 600

// history is what the primary had written when.
type history struct {
	points []point // oldest first
}

type point struct {
	at  time.Time // the position was reached by then
	lsn LSN
}

// add notes a position. Positions never fall: another primary begins another history.
func (h *history) add(at time.Time, lsn LSN) {
	if n := len(h.points); n > 0 && lsn < h.points[n-1].lsn {
		h.points = h.points[:0]
	}
	if len(h.points) >= historySize {
		h.points = append(h.points[:0], h.points[historySize/4:]...)
	}
	h.points = append(h.points, point{at, lsn})
}

// lag returns how far a replica was behind the primary when it was asked. The age that the replica tells is exact, but by
// two clocks and of the last commit only; the primary's positions are bounds for it.
func (h *history) lag(replica sample) (bytes int64, lag time.Duration) {
	if len(h.points) == 0 {
		return 0, replica.told(0, Unknown)
	}
	known, over := -1, -1 // the last point that it has surely replayed, the first that it has not
	for i, p := range h.points {
		if i > 0 && p.at.After(replica.sent) {
			break
		}
		bytes = p.lsn.behind(replica.replay)
		if bytes == 0 {
			known = i
		} else if over < 0 {
			over = i
		}
	}
	if over < 0 {
		return 0, 0
	}
	least, most := replica.sent.Sub(h.points[over].at), Unknown
	if known >= 0 {
		most = replica.sent.Sub(h.points[known].at)
	}
	return bytes, replica.told(max(0, least), most)
}

// told returns the replica's age within bounds, the upper one if it tells none.
func (s sample) told(least, most time.Duration) time.Duration {
	if s.age < 0 {
		return most
	}
	return min(max(s.age, least), most)
}
