package postgres

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/lifecycle/lifecycletest"
)

// childVariable makes the test binary act as a Holdfast that runs a private server in the directory it names.
const childVariable = "HOLDFAST_TEST_PRIVATE_STATE"

// child runs a private server until it is killed. It prints the pid of the postmaster when it is ready.
func child(state string) {
	place := Place{Dir: filepath.Join(state, "postgres"), Secrets: filepath.Join(state, "secrets")}
	s := NewPrivateServer(privateSettings(), place, slog.New(slog.DiscardHandler), nil)
	if err := s.Start(context.Background()); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		return
	}
	_, _ = fmt.Fprintln(os.Stdout, s.PID())
	_, _ = io.Copy(io.Discard, os.Stdin) // for ever
}

// startChild starts a Holdfast in a process of its own, and returns it and its postmaster.
func startChild(t *testing.T, place Place) (holdfast *exec.Cmd, postmaster int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+filepath.Dir(place.Dir))
	cmd.Stderr = t.Output()
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kill(cmd) })
	line, err := bufio.NewReader(out).ReadString('\n')
	pid, parseErr := strconv.Atoi(strings.TrimSpace(line))
	if err = errors.Join(err, parseErr); err != nil {
		t.Fatalf("the child does not run: %v", err)
	}
	return cmd, pid
}

func kill(cmd *exec.Cmd) {
	_ = cmd.Process.Kill() // it may have ended
	_ = cmd.Wait()
}

// alive reports whether a process runs. One that ended and that nobody has asked for its end yet (a zombie) does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

func TestAServerEndsWhenItsHoldfastIsKilled(t *testing.T) {
	t.Parallel()
	place := madePlace(t)
	holdfast, postmaster := startChild(t, place)
	kill(holdfast)
	lifecycletest.Eventually(t, 10*time.Second, func() error {
		if alive(postmaster) {
			return fmt.Errorf("postmaster %d lives", postmaster)
		}
		return nil
	})
}

func TestAfterAKillTheNextHoldfastTakesOverAtOnceWithEveryRow(t *testing.T) {
	t.Parallel()
	place := madePlace(t)
	for round := range 3 {
		holdfast, postmaster := startChild(t, place)
		c, err := PrivateConfig(privateSettings(), place)
		if err != nil {
			t.Fatal(err)
		}
		db, err := Connect(t.Context(), c)
		if err == nil && round == 0 {
			_, err = db.Exec(t.Context(), "CREATE TABLE public.rounds (n int)")
		}
		if err == nil {
			_, err = db.Exec(t.Context(), "INSERT INTO public.rounds VALUES ($1)", round)
		}
		if err != nil {
			t.Fatal(err)
		}
		db.Close()
		kill(holdfast)
		s := NewPrivateServer(privateSettings(), place, logger(t), nil)
		start(t, s) // beside the old server, which may be shutting down
		if s.PID() == postmaster || alive(postmaster) {
			t.Errorf("the old postmaster %d lives", postmaster)
		}
		if n := number(t, open(t, s), "SELECT count(*) FROM public.rounds"); n != round+1 {
			t.Errorf("%d rows after round %d", n, round)
		}
		stop(t, s)
	}
}

func TestBusyBackendsOfAKilledPostmasterAreEndedBeforeTheNextStart(t *testing.T) {
	t.Parallel()
	place := madePlace(t)
	holdfast, postmaster := startChild(t, place)
	if err := syscall.Kill(holdfast.Process.Pid, syscall.SIGSTOP); err != nil { // it shall not start the server again
		t.Fatal(err)
	}
	c, err := PrivateConfig(privateSettings(), place)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := connect(t, c).Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	ended := make(chan error, 1)
	busy := int(conn.Conn().PgConn().PID())
	go func() {
		_, err := conn.Exec(context.Background(), "DO $$ BEGIN LOOP END LOOP; END $$") // never looks whether its postmaster lives
		ended <- err
	}()
	lifecycletest.Eventually(t, 10*time.Second, func() error {
		if n := number(t, connect(t, c), fmt.Sprintf("SELECT count(*) FROM pg_stat_activity WHERE pid = %d AND state = 'active'", busy)); n != 1 {
			return errors.New("the backend is not busy yet")
		}
		return nil
	})
	if err := syscall.Kill(postmaster, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	kill(holdfast)
	start(t, NewPrivateServer(privateSettings(), place, logger(t), nil))
	if alive(busy) {
		t.Errorf("the orphaned backend %d lives", busy)
	}
	if err := <-ended; err == nil {
		t.Error("its statement ended well")
	}
}

func TestAStalePIDFileWhoseNumberIsSomebodyElsesIsNoObstacle(t *testing.T) {
	t.Parallel()
	place := madePlace(t)
	a, err := findAccount("")
	if err != nil {
		t.Fatal(err)
	}
	stranger := exec.Command("sleep", "60") // runs under the server's account, as in a container where numbers come again
	stranger.SysProcAttr = &syscall.SysProcAttr{Credential: a.credential()}
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kill(stranger) })
	path := filepath.Join(place.data(), "postmaster.pid")
	text := fmt.Sprintf("%d\n%s\n1700000000\n5432\n%s\n\n  5432001  1\nready   \n", stranger.Process.Pid, place.data(), place.run())
	if err := errors.Join(os.WriteFile(path, []byte(text), 0o600), a.own(path)); err != nil {
		t.Fatal(err)
	}
	start(t, NewPrivateServer(privateSettings(), place, logger(t), nil))
	if !alive(stranger.Process.Pid) {
		t.Error("a process of somebody else was ended")
	}
}
