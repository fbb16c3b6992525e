package cli

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal opens a pseudo terminal (pts(4)) and returns its two ends: what the command writes to, and what a person sees.
func terminal(t *testing.T) (command, person *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { person.Close() })
	raw, err := person.SyscallConn() // Fd would make reads wait without a deadline
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err2 := raw.Control(func(fd uintptr) {
		if n, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN); err == nil {
			err = errors.Join(
				unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0),
				unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 100}),
			)
		}
	}); err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	command, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { command.Close() })
	return command, person
}

func TestATerminalGetsABarWhileAFileIsMoved(t *testing.T) {
	t.Parallel()
	command, person := terminal(t)
	p := (&app{stderr: command}).newProgress()
	file := p.file("b/big", 4_000_000)
	file.add(1_000_000)
	if err := person.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	seen := ""
	for !strings.Contains(seen, "1.0 MB / 4.0 MB") {
		buf := make([]byte, 4096)
		n, err := person.Read(buf)
		if err != nil {
			t.Fatalf("the terminal shows %q, then %v", seen, err)
		}
		seen += string(buf[:n])
	}
	if !strings.Contains(seen, "b/big") {
		t.Errorf("the file is not named: %q", seen)
	}
	file.end()
	p.wait()
}

func TestTextIsBoldOnATerminalUnlessItsOwnerWantsNone(t *testing.T) {
	t.Parallel()
	command, _ := terminal(t)
	f := func(want string, env ...string) {
		t.Helper()
		if got := (&app{stdout: command, env: env}).bold("x"); got != want {
			t.Errorf("with %v bold is %q", env, got)
		}
	}
	f("\x1b[1mx\x1b[0m")
	f("x", "NO_COLOR=1")
	f("x", "TERM=dumb")
}
