package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write what commands print into the scripts instead of comparing it")

// TestMain makes the test binary the holdfast of the scripts.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"holdfast": main})
}

// TestScripts runs the sessions in testdata/script. Each has a directory $SITE, with a short path because sockets want
// one, that other accounts may pass through because a private PostgreSQL server wants that.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			site, err := os.MkdirTemp("", "hf")
			if err != nil {
				return err
			}
			e.Defer(func() { os.RemoveAll(site) })
			e.Setenv("SITE", site)
			return os.Chmod(site, 0o711)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"mode": mode, "status": status},
	})
}

// mode MODE FILE... checks permissions.
func mode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: mode MODE FILE...")
	}
	for _, file := range args[1:] {
		info, err := os.Stat(ts.MkAbs(file))
		ts.Check(err)
		if got := fmt.Sprintf("%04o", info.Mode().Perm()); got != args[0] {
			ts.Fatalf("%s has mode %s, want %s", file, got, args[0])
		}
	}
}

// status CODE COMMAND... runs a command that must end with an exit code.
func status(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	if neg || err != nil {
		ts.Fatalf("usage: status CODE COMMAND...")
	}
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit := interface{ ExitCode() int }(nil); err != nil {
		var ok bool
		if exit, ok = err.(interface{ ExitCode() int }); !ok {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}
