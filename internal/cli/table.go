package cli

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"holdfast/internal/unit"
)

// table prints rows in columns. The first row is the head.
func (a *app) table(rows [][]string) {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	for i, row := range rows {
		if i == 0 {
			row = upper(row)
		}
		fmt.Fprintln(w, strings.TrimRight(strings.Join(row, "\t"), "\t "))
	}
	_ = w.Flush() // a closed standard output is noticed by whoever reads it
}

func upper(row []string) []string {
	out := make([]string, len(row))
	for i, cell := range row {
		out[i] = strings.ToUpper(cell)
	}
	return out
}

// size prints bytes for people, with three digits at most: 1.5 MB.
func size(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	value, name := float64(n), ""
	for _, name = range []string{"kB", "MB", "GB", "TB", "PB", "EB"} {
		if value /= 1000; value < 999.5 {
			break
		}
	}
	if value < 9.95 {
		return fmt.Sprintf("%.1f %s", value, name)
	}
	return fmt.Sprintf("%.0f %s", value, name)
}

// moment prints a time for people, in the local time zone; "-" for none.
func moment(t *time.Time) string {
	if t == nil || t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

// yesNo prints a switch.
func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// limit prints a bound of which 0 means none.
func limit(n int64, print func(int64) string) string {
	if n == 0 {
		return "-"
	}
	return print(n)
}

// durationFlag is a flag that takes days too.
type durationFlag struct{ unit.Duration }

// Set implements pflag.Value.
func (d *durationFlag) Set(text string) error { return d.UnmarshalText([]byte(text)) }

// Type implements pflag.Value.
func (d *durationFlag) Type() string { return "duration" }

// sizeFlag is a flag that takes units.
type sizeFlag struct{ unit.Bytes }

// Set implements pflag.Value.
func (s *sizeFlag) Set(text string) error { return s.UnmarshalText([]byte(text)) }

// Type implements pflag.Value.
func (s *sizeFlag) Type() string { return "size" }

// orDash prints "-" for nothing.
func orDash(text string) string { return cmp.Or(text, "-") }

// decimal prints a whole number.
func decimal(n int64) string { return strconv.FormatInt(n, 10) }
