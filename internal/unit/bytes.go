package unit

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Bytes is a size. In text it is a whole number with an optional unit: B, KB, MB, GB, TB (powers of 1000) or KiB, MiB,
// GiB, TiB (powers of 1024), in any case and with or without a space before it; "0" means none.
type Bytes int64

// sizeUnit is a unit of size: its name, and how many bytes it stands for.
type sizeUnit struct {
	name  string
	bytes int64
}

// sizeUnits lists the units, the largest first.
func sizeUnits() []sizeUnit {
	return []sizeUnit{
		{"TiB", 1 << 40},
		{"TB", 1e12},
		{"GiB", 1 << 30},
		{"GB", 1e9},
		{"MiB", 1 << 20},
		{"MB", 1e6},
		{"KiB", 1 << 10},
		{"KB", 1e3},
		{"B", 1},
	}
}

// ParseBytes reads a size. It refuses fractions, signs, unknown units, and sizes beyond 8 EiB.
func ParseBytes(text string) (Bytes, error) {
	digits := strings.TrimRight(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
	name := text[len(digits):]
	factor, ok := factorOf(name)
	if !ok {
		return 0, fmt.Errorf("size %q: unit %q is not one of B, KB, MB, GB, TB, KiB, MiB, GiB, TiB", text, name)
	}
	n, err := strconv.ParseUint(strings.TrimSuffix(digits, " "), 10, 64)
	switch {
	case err != nil && !errors.Is(err, strconv.ErrRange):
		return 0, fmt.Errorf("size %q: want a whole number with an optional unit, as 500MB or 2GiB", text)
	case err != nil || n > uint64(math.MaxInt64)/factor:
		return 0, fmt.Errorf("size %q: larger than %d bytes", text, math.MaxInt64)
	}
	return Bytes(n * factor), nil
}

// factorOf returns what a unit of size stands for; the empty unit is a byte.
func factorOf(name string) (uint64, bool) {
	if name == "" {
		return 1, true
	}
	for _, u := range sizeUnits() {
		if strings.EqualFold(u.name, name) {
			return uint64(u.bytes), true
		}
	}
	return 0, false
}

// String prints the size with the unit that leaves the smallest whole number: 1048576 is "1MiB", 1500 is "1500B".
func (b Bytes) String() string {
	if b == 0 {
		return "0"
	}
	best := sizeUnit{"B", 1}
	for _, u := range sizeUnits() {
		if int64(b)%u.bytes == 0 && u.bytes > best.bytes {
			best = u
		}
	}
	return strconv.FormatInt(int64(b)/best.bytes, 10) + best.name
}

// MarshalText returns what String prints.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText reads what ParseBytes takes, and leaves b alone on an error.
func (b *Bytes) UnmarshalText(text []byte) error {
	n, err := ParseBytes(string(text))
	if err != nil {
		return err
	}
	*b = n
	return nil
}
