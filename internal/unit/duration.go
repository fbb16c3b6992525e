package unit

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

// Duration is a time span. In text it is what time.ParseDuration takes, and also days ("14d", "1d12h"); a bare number
// is seconds, as in the settings of psycopg's pool.
type Duration time.Duration

// D returns the value as a time.Duration.
func (d Duration) D() time.Duration { return time.Duration(d) }

// ParseDuration reads a time span. Days are a whole number and come first.
func ParseDuration(text string) (Duration, error) {
	if d, ok := parseSpan(text); ok {
		return Duration(d), nil
	}
	return 0, fmt.Errorf("duration %q: want a number of seconds or a time with units, as 90s, 15m, 1h30m or 14d", text)
}

func parseSpan(text string) (time.Duration, bool) {
	if days, rest, ok := strings.Cut(text, "d"); ok {
		return parseDays(days, rest)
	}
	if isNumber(text) {
		text += "s"
	}
	d, err := time.ParseDuration(text)
	return d, err == nil
}

// parseDays adds days, which may carry a sign, to a rest that must not; "" is a rest of nothing.
func parseDays(days, rest string) (time.Duration, bool) {
	digits, negative := strings.CutPrefix(days, "-")
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil || strings.HasPrefix(rest, "-") || strings.HasPrefix(rest, "+") {
		return 0, false
	}
	var r time.Duration
	if rest != "" {
		if r, err = time.ParseDuration(rest); err != nil {
			return 0, false
		}
	}
	// Two spans below 2^63 ns each fit into a uint64 together, so only the days need a bound before they are added.
	if n > uint64(1<<63)/uint64(day) {
		return 0, false
	}
	sum := n*uint64(day) + uint64(r)
	switch {
	case negative && sum <= 1<<63:
		return -time.Duration(sum), true // for 1<<63 the sign has no effect, and the value is the least Duration
	case !negative && sum < 1<<63:
		return time.Duration(sum), true
	}
	return 0, false
}

// isNumber reports whether text is a decimal number without a unit: 5, 0.5, -1.
func isNumber(text string) bool {
	digits := strings.TrimLeft(text, "+-")
	return digits != "" && strings.Trim(digits, "0123456789.") == ""
}

// String prints the span with days and without parts that are zero: "14d", "1d12h", "15m", "0s".
func (d Duration) String() string {
	sign, span := "", uint64(d)
	if d < 0 {
		sign, span = "-", -span
	}
	text, rest := "", time.Duration(span%uint64(day))
	if days := span / uint64(day); days > 0 {
		text = strconv.FormatUint(days, 10) + "d"
	}
	if rest > 0 || text == "" {
		text += trimZeros(rest.String())
	}
	return sign + text
}

// trimZeros cuts the zero minutes and seconds that time.Duration prints behind hours: "1h0m0s" becomes "1h".
func trimZeros(text string) string {
	if s, ok := strings.CutSuffix(text, "m0s"); ok {
		text = s + "m"
	}
	if s, ok := strings.CutSuffix(text, "h0m"); ok {
		text = s + "h"
	}
	return text
}

// MarshalText returns what String prints.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what ParseDuration takes, and leaves d alone on an error.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := ParseDuration(string(text))
	if err != nil {
		return err
	}
	*d = v
	return nil
}
