package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"holdfast/internal/fault"
)

// leftoverTime is how long a postmaster of a Holdfast that is no more may take for a polite end; then it is cut short.
const leftoverTime = 30 * time.Second

// endLeftover ends whatever of PostgreSQL runs on our data directory though we hold the place: the postmaster of a Holdfast that
// was killed, which is shutting down already, or one that somebody started by hand; or backends whose postmaster was killed.
func endLeftover(ctx context.Context, log *slog.Logger, place Place, a account) error {
	data := place.data()
	left, err := processesOn(data, a)
	if err != nil {
		return fmt.Errorf("look for a server that was left: %w", err)
	}
	if len(left) > 0 {
		log.WarnContext(ctx, "ending the PostgreSQL server that an earlier Holdfast left", "pids", left)
		if err := endThem(ctx, left, data, a); err != nil {
			return err
		}
	}
	return forget(place)
}

func endThem(ctx context.Context, left []int, data string, a account) error {
	if postmaster := readPIDFile(data).pid; slices.Contains(left, postmaster) {
		polite, cancel := context.WithTimeout(ctx, leftoverTime)
		defer cancel()
		err := endProcesses(polite, []int{postmaster}, syscall.SIGINT, data, a)
		if !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
	}
	if err := endProcesses(ctx, left, syscall.SIGQUIT, data, a); err != nil {
		return fault.New(fault.Conflict, "private_in_use", "a PostgreSQL server that was left in %s does not end: %w", data, err).
			WithHint("look into it with: ps -fp %d", left[0])
	}
	return nil
}

// endProcesses sends the signal and waits until nothing runs on the data directory.
func endProcesses(ctx context.Context, pids []int, sig syscall.Signal, data string, a account) error {
	for _, pid := range pids {
		if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("send %s to process %d: %w", sig, pid, err)
		}
	}
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	for {
		left, err := processesOn(data, a)
		if err != nil || len(left) == 0 {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// processesOn returns the processes of PostgreSQL that run under the account in the data directory, which is the working
// directory of all of them. Nothing that the account could have written into postmaster.pid makes us signal a process of
// somebody else.
func processesOn(data string, a account) ([]int, error) {
	real, err := filepath.EvalSymlinks(data)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && runsOn(filepath.Join("/proc", e.Name()), real, a) {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

func runsOn(proc, data string, a account) bool {
	info, err := os.Stat(proc)
	if err != nil {
		return false
	}
	if st, ok := info.Sys().(*syscall.Stat_t); !ok || st.Uid != a.uid {
		return false
	}
	program, err := os.Readlink(filepath.Join(proc, "exe"))
	if err != nil || filepath.Base(strings.TrimSuffix(program, " (deleted)")) != "postgres" {
		return false
	}
	cwd, err := os.Readlink(filepath.Join(proc, "cwd"))
	return err == nil && cwd == data
}

// forget removes postmaster.pid and the socket with its lock when nothing runs on the place. PostgreSQL does so itself unless
// some process of its own account has the number in them: an ended postmaster that nobody has reaped, or a stranger, for in
// a container the same few numbers are given out again and again. Shared memory guards the directory all the same.
func forget(place Place) error {
	stale, _ := filepath.Glob(filepath.Join(place.run(), ".s.PGSQL.*")) // the only error is a bad pattern
	for _, path := range append(stale, filepath.Join(place.data(), "postmaster.pid")) {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove what a dead server left: %w", err)
		}
	}
	return nil
}
