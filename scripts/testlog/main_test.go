package main

import (
	"bytes"
	"strings"
	"testing"
)

// digest runs the log over events and returns what it showed, and the summary.
func digest(t *testing.T, lines ...string) (shown, summary string) {
	t.Helper()
	var out bytes.Buffer
	l := newLog(&out)
	if err := l.read(strings.NewReader(strings.Join(lines, "\n"))); err != nil {
		t.Fatal(err)
	}
	return out.String(), l.summary()
}

func TestPackagesThatPassShowOneLine(t *testing.T) {
	t.Parallel()
	shown, summary := digest(t,
		"scripts/deps run test",
		`{"Action":"start","Package":"a"}`,
		`{"Action":"run","Package":"a","Test":"TestX"}`,
		`{"Action":"output","Package":"a","Test":"TestX","Output":"noise\n"}`,
		`{"Action":"pass","Package":"a","Test":"TestX/sub"}`,
		`{"Action":"pass","Package":"a","Test":"TestX"}`,
		`{"Action":"output","Package":"a","Output":"PASS\n"}`,
		`{"Action":"output","Package":"a","Output":"ok  \ta\t0.1s\n"}`,
		`{"Action":"pass","Package":"a"}`,
	)
	if shown != "scripts/deps run test\nok  \ta\t0.1s\n" || summary != "ok  \ta\t0.1s\n1 passed, 0 failed, 0 skipped\n" {
		t.Errorf("shown %q, summary %q", shown, summary)
	}
}

func TestWhatFailsOrIsSkippedIsShownAndCounted(t *testing.T) {
	t.Parallel()
	shown, summary := digest(t,
		`{"Action":"output","Package":"a","Test":"TestX/sub","Output":"the reason\n"}`,
		`{"Action":"fail","Package":"a","Test":"TestX/sub"}`,
		`{"Action":"fail","Package":"a","Test":"TestX"}`,
		`{"Action":"output","Package":"a","Test":"TestY","Output":"not today\n"}`,
		`{"Action":"skip","Package":"a","Test":"TestY"}`,
		`{"Action":"output","Package":"a","Output":"FAIL\ta\t0.1s\n"}`,
		`{"Action":"fail","Package":"a"}`,
	)
	if shown != "the reason\nnot today\nFAIL\ta\t0.1s\n" || summary != "FAIL\ta\t0.1s\n0 passed, 1 failed, 1 skipped\n" {
		t.Errorf("shown %q, summary %q", shown, summary)
	}
}

func TestAPackageThatFailsWithoutAFailingTestCountsAsOne(t *testing.T) {
	t.Parallel()
	f := func(want, wantShown string, lines ...string) {
		t.Helper()
		shown, summary := digest(t, lines...)
		if !strings.HasSuffix(summary, want+"\n") || !strings.Contains(shown, wantShown) {
			t.Errorf("shown %q, summary %q; want %q and %q", shown, summary, wantShown, want)
		}
	}
	f("0 passed, 1 failed, 0 skipped", "undefined: x",
		`{"ImportPath":"a [a.test]","Action":"build-output","Output":"undefined: x\n"}`,
		`{"ImportPath":"a [a.test]","Action":"build-fail"}`,
		`{"Action":"output","Package":"a","Output":"FAIL\ta [build failed]\n"}`,
		`{"Action":"fail","Package":"a","FailedBuild":"a [a.test]"}`)
	f("1 passed, 1 failed, 0 skipped", "panic: it hangs",
		`{"Action":"pass","Package":"a","Test":"TestX"}`,
		`{"Action":"output","Package":"a","Test":"TestY","Output":"panic: it hangs\n"}`,
		`{"Action":"output","Package":"a","Output":"FAIL\ta\t600s\n"}`,
		`{"Action":"fail","Package":"a"}`)
}
