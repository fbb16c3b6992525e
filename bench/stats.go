package main

import "slices"

// median returns the middle value, or the mean of the two in the middle.
func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(v))
	n := len(s)
	if n%2 == 1 {
		return s[n/2]
	}
	return (s[n/2-1] + s[n/2]) / 2
}

// series are the figures of one program in the order of the rounds.
type series []float64

// over returns the median of the ratios round by round.
func (s series) over(other series) float64 {
	var r []float64
	for i := range min(len(s), len(other)) {
		if other[i] > 0 {
			r = append(r, s[i]/other[i])
		}
	}
	return median(r)
}

// minus returns the median of the differences round by round.
func (s series) minus(other series) float64 {
	var d []float64
	for i := range min(len(s), len(other)) {
		d = append(d, s[i]-other[i])
	}
	return median(d)
}
