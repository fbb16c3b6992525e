package main

import (
	"bytes"
	"fmt"
	"io"
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

// failing are the events of one passing test and of failing ones that say so.
func failing(says ...string) []string {
	lines := []string{`{"Action":"pass","Package":"a","Test":"TestGood"}`}
	for i, text := range says {
		lines = append(lines, fmt.Sprintf(`{"Action":"output","Package":"a","Test":"Test%d","Output":%q}`, i, text),
			fmt.Sprintf(`{"Action":"fail","Package":"a","Test":"Test%d"}`, i))
	}
	return append(lines, `{"Action":"output","Package":"a","Output":"FAIL\ta\t0.1s\n"}`, `{"Action":"fail","Package":"a"}`)
}

func TestWhatFailedIsRunAgainAndNamed(t *testing.T) {
	t.Parallel()
	f := func(lines []string, most int, steady string, wantRuns int, want string) {
		t.Helper()
		l := newLog(io.Discard)
		if err := l.read(strings.NewReader(strings.Join(lines, "\n"))); err != nil {
			t.Fatal(err)
		}
		runs := 0
		l.again(most, func(x failure) (string, bool) { runs++; return "ok  \ta\t3s\n", x.test != steady })
		if got := l.summary(); got != want || runs != wantRuns {
			t.Errorf("%d runs, %q; want %d, %q", runs, got, wantRuns, want)
		}
	}
	const unsteady = "unsteady: Test0 of a failed beside the others and passed alone\n"
	f(failing("no\n"), 2, "", 1, "ok  \ta\t3s\n"+unsteady+"2 passed, 0 failed, 0 skipped\n")
	f(failing("no\n"), 2, "Test0", 1, "FAIL\ta\t0.1s\n1 passed, 1 failed, 0 skipped\n")
	f(failing("no\n", "no\n"), 2, "Test1", 2, "FAIL\ta\t0.1s\n"+unsteady+"2 passed, 1 failed, 0 skipped\n")
	f(failing("no\n", "no\n", "no\n"), 2, "", 0, "FAIL\ta\t0.1s\n1 passed, 3 failed, 0 skipped\n")
	f(failing("no\n"), 0, "", 0, "FAIL\ta\t0.1s\n1 passed, 1 failed, 0 skipped\n")
	for _, grave := range []string{"WARNING: DATA RACE\n", "panic: oh\n", "fatal error: all goroutines are asleep\n"} {
		f(failing(grave), 2, "", 0, "FAIL\ta\t0.1s\n1 passed, 1 failed, 0 skipped\n")
	}
	f(append([]string{ // a test beside it hangs
		`{"Action":"output","Package":"a","Test":"TestHangs","Output":"=== RUN   TestHangs\n"}`,
	}, failing("no\n")...), 2, "", 0, "FAIL\ta\t0.1s\n1 passed, 2 failed, 0 skipped\n")
	f([]string{ // it leaks, after all its tests have passed
		`{"Action":"pass","Package":"a","Test":"TestGood"}`,
		`{"Action":"output","Package":"a","Output":"FAIL\ta\t0.1s\n"}`, `{"Action":"fail","Package":"a"}`,
	}, 2, "", 0, "FAIL\ta\t0.1s\n1 passed, 1 failed, 0 skipped\n")
}

// A test is really run, and three times.
func TestRunAlone(t *testing.T) {
	t.Parallel()
	if output, ok := runAlone(failure{pkg: "holdfast/internal/unit", test: "TestNothingOfThisName"}, []string{"-v"}); !ok || !strings.Contains(output, "no tests to run") {
		t.Errorf("%t, %s", ok, output)
	}
	if output, ok := runAlone(failure{pkg: "holdfast/internal/nowhere", test: "TestX"}, nil); ok {
		t.Errorf("a package that is not there: %s", output)
	}
}
