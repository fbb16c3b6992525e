package unit

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
)

func TestBytesReadsSizes(t *testing.T) {
	t.Parallel()
	f := func(text string, want Bytes) {
		t.Helper()
		got, err := ParseBytes(text)
		if err != nil || got != want {
			t.Errorf("ParseBytes(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	f("0", 0)
	f("1000", 1000)
	f("1B", 1)
	f("1KB", 1000)
	f("1KiB", 1024)
	f("16 MB", 16_000_000)
	f("16mb", 16_000_000)
	f("128MiB", 128<<20)
	f("2GB", 2_000_000_000)
	f("5TiB", 5<<40)
	f("9223372036854775807", math.MaxInt64)
}

func TestBytesRefusesWhatIsNotASize(t *testing.T) {
	t.Parallel()
	f := func(text, because string) {
		t.Helper()
		got, err := ParseBytes(text)
		if err == nil || got != 0 || !strings.Contains(err.Error(), because) {
			t.Errorf("ParseBytes(%q) = %d, %v; want an error that says %q", text, got, err, because)
		}
	}
	f("", "whole number")
	f("KB", "whole number")
	f("-1", "whole number")
	f("+1", "whole number")
	f("1.5GB", "whole number")
	f("1  KB", "whole number")
	f(" 1KB", "whole number")
	f("1K", `unit "K" is not one of`)
	f("1PB", `unit "PB" is not one of`)
	f("9223372036854775808", "larger than")
	f("99999999999999999999", "larger than")
	f("8388608TiB", "larger than")
}

func TestBytesPrintsTheSmallestWholeNumber(t *testing.T) {
	t.Parallel()
	f := func(b Bytes, want string) {
		t.Helper()
		if got := b.String(); got != want {
			t.Errorf("Bytes(%d) prints %q; want %q", int64(b), got, want)
		}
	}
	f(0, "0")
	f(1, "1B")
	f(1000, "1KB")
	f(1024, "1KiB")
	f(1500, "1500B")
	f(1_024_000, "1000KiB")
	f(5<<40, "5TiB")
	f(-2048, "-2KiB")
}

func TestDurationReadsTimesAndDaysAndSeconds(t *testing.T) {
	t.Parallel()
	f := func(text string, want time.Duration) {
		t.Helper()
		got, err := ParseDuration(text)
		if err != nil || got.D() != want {
			t.Errorf("ParseDuration(%q) = %v, %v; want %v", text, got.D(), err, want)
		}
	}
	f("0", 0)
	f("5", 5*time.Second)
	f("0.5", 500*time.Millisecond)
	f("-1", -time.Second)
	f("90s", 90*time.Second)
	f("1h30m", 90*time.Minute)
	f("250ms", 250*time.Millisecond)
	f("14d", 14*day)
	f("1d12h", 36*time.Hour)
	f("-2d1s", -(2*day + time.Second))
	f("0d", 0)
}

func TestDurationRefusesWhatIsNotATimeSpan(t *testing.T) {
	t.Parallel()
	f := func(text string) {
		t.Helper()
		got, err := ParseDuration(text)
		if err == nil || got != 0 || !strings.Contains(err.Error(), "1h30m or 14d") {
			t.Errorf("ParseDuration(%q) = %v, %v; want an error with an example", text, got.D(), err)
		}
	}
	for _, text := range []string{
		"", "d", "1.5d", "1w", "12h1d", "1d-2h", "1d+2h", "1d2d", "1d5", "--1d", "five", "1 h",
		"106752d", "106751d24h", "99999999999d", "-106752d", "1..2",
	} {
		f(text)
	}
}

func TestDurationPrintsDaysAndNoZeroParts(t *testing.T) {
	t.Parallel()
	f := func(d time.Duration, want string) {
		t.Helper()
		if got := Duration(d).String(); got != want {
			t.Errorf("Duration(%v) prints %q; want %q", d, got, want)
		}
	}
	f(0, "0s")
	f(time.Hour, "1h")
	f(15*time.Minute, "15m")
	f(10*time.Second, "10s")
	f(time.Hour+10*time.Second, "1h0m10s")
	f(14*day, "14d")
	f(36*time.Hour, "1d12h")
	f(-25*time.Hour, "-1d1h")
	f(1500*time.Millisecond, "1.5s")
	f(math.MinInt64, "-106751d23h47m16.854775808s")
}

func TestQuantitiesKeepTheirValueWhenReadingFails(t *testing.T) {
	t.Parallel()
	b, d := Bytes(7), Duration(7)
	if b.UnmarshalText([]byte("x")) == nil || d.UnmarshalText([]byte("x")) == nil || b != 7 || d != 7 {
		t.Errorf("after a failed read: %d, %d; want 7, 7 and two errors", b, d)
	}
}

func TestQuantitiesTravelThroughJSONAsText(t *testing.T) {
	t.Parallel()
	type both struct {
		Size Bytes
		Wait Duration
	}
	in := both{Size: 1 << 20, Wait: Duration(36 * time.Hour)}
	text, err := json.Marshal(in)
	if err != nil || string(text) != `{"Size":"1MiB","Wait":"1d12h"}` {
		t.Fatalf("marshal: %s, %v", text, err)
	}
	var out both
	if err := json.Unmarshal(text, &out); err != nil || out != in {
		t.Errorf("unmarshal: %+v, %v; want %+v", out, err, in)
	}
}

func FuzzBytesPrintsWhatItReads(f *testing.F) {
	for _, text := range []string{"0", "1KB", "5 TiB", "1.5GB", "9223372036854775807"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		b, err := ParseBytes(text)
		if err != nil {
			return
		}
		again, err := ParseBytes(b.String())
		if err != nil || again != b || b < 0 {
			t.Errorf("%q reads as %d, which prints as %q and reads as %d, %v", text, int64(b), b, int64(again), err)
		}
	})
}

func FuzzDurationReadsWhatItPrints(f *testing.F) {
	for _, n := range []int64{0, 1, int64(day), math.MaxInt64, math.MinInt64, -int64(time.Hour)} {
		f.Add(n)
	}
	f.Fuzz(func(t *testing.T, n int64) {
		text := Duration(n).String()
		again, err := ParseDuration(text)
		if err != nil || int64(again) != n {
			t.Errorf("%d prints as %q and reads as %d, %v", n, text, int64(again), err)
		}
	})
}

func FuzzDurationSurvivesAnyText(f *testing.F) {
	for _, text := range []string{"14d", "1d12h", "5", "-1d", "1h30m", "106751d23h47m16.854775807s"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := ParseDuration(text)
		if err != nil {
			return
		}
		if again, err := ParseDuration(d.String()); err != nil || again != d {
			t.Errorf("%q reads as %v, which prints as %q and reads as %v, %v", text, d.D(), d, again.D(), err)
		}
	})
}
