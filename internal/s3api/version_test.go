package s3api

import (
	"math"
	"strings"
	"testing"

	"holdfast/internal/objects"
)

func TestVersionIDsComeBackAndSortByAge(t *testing.T) {
	t.Parallel()
	last := ""
	for _, g := range []objects.Generation{1, 2, 31, 32, 1 << 40, math.MaxInt64} {
		id := generationID(g)
		back, null, err := parseVersion(id)
		if err != nil || null || back != g || id <= last {
			t.Errorf("%d: id %q after %q, back %d %v %v", g, id, last, back, null, err)
		}
		last = id
	}
}

func TestVersionIDsThatWereNeverGivenAreAbsentAndOthersMalformed(t *testing.T) {
	t.Parallel()
	for _, id := range []string{strings.Repeat("Z", 26), "01BX5ZZKBKACTAV9WEVGEMMVRZ", strings.Repeat("0", 26)} {
		if g, _, err := parseVersion(id); err != nil || g != -1 {
			t.Errorf("%s: %d %v", id, g, err)
		}
	}
	for _, id := range []string{"", "x", strings.Repeat("U", 26), strings.Repeat("0", 25), strings.Repeat("0", 27), "NULL"} {
		if _, _, err := parseVersion(id); err == nil {
			t.Errorf("%q was accepted", id)
		}
	}
	if _, null, err := parseVersion("null"); err != nil || !null {
		t.Errorf("null: %v %v", null, err)
	}
}
