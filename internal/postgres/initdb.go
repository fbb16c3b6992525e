package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"holdfast/internal/atomicfile"
	"holdfast/internal/secret"
)

const (
	superuser = "postgres"
	building  = "data.building-" // begins the name of a data directory that is not complete
	pwFile    = ".pwfile-"
)

// create makes the data directory, whole or not at all.
func (p Place) create(ctx context.Context, r release, a account, password secret.String) error {
	if err := p.clear(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(p.Dir, building)
	if err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	err = a.own(dir)
	if err == nil {
		err = p.initdb(ctx, r, a, dir, password)
	}
	if err == nil {
		err = os.Rename(dir, p.data())
	}
	if err != nil {
		return errors.Join(fmt.Errorf("make data directory: %w", err), os.RemoveAll(dir))
	}
	return atomicfile.SyncDir(p.Dir)
}

// clear removes what a creation that was interrupted has left.
func (p Place) clear() error {
	for _, begin := range []string{building, pwFile} {
		left, _ := filepath.Glob(filepath.Join(p.Dir, begin+"*")) // the only error is a bad pattern
		for _, path := range left {
			if err := os.RemoveAll(path); err != nil {
				return fmt.Errorf("remove what is left of a data directory: %w", err)
			}
		}
	}
	return nil
}

func (p Place) initdb(ctx context.Context, r release, a account, dir string, password secret.String) error {
	file, err := p.writePassword(a, password)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file) }() // else clear does it
	said, err := runInitdb(ctx, r, a, initdbArguments(r, dir, file, "C.UTF-8"))
	if err != nil && strings.Contains(said, "invalid locale name") { // a system without it, before PostgreSQL 17
		said, err = runInitdb(ctx, r, a, initdbArguments(r, dir, file, "C"))
	}
	if err != nil {
		return fmt.Errorf("initdb: %w: %s", err, lastLine(said))
	}
	return nil
}

func (p Place) writePassword(a account, password secret.String) (string, error) {
	f, err := os.CreateTemp(p.Dir, pwFile) // mode 0600
	if err != nil {
		return "", err
	}
	_, err = f.WriteString(password.Reveal() + "\n")
	return f.Name(), errors.Join(err, f.Close(), a.own(f.Name()))
}

func initdbArguments(r release, dir, pwfile, locale string) []string {
	args := []string{
		"--pgdata=" + dir, "--username=" + superuser, "--pwfile=" + pwfile, "--auth=scram-sha-256",
		"--data-checksums", "--encoding=UTF8", "--locale=" + locale, "--lc-messages=C",
	}
	if r.major >= 14 {
		args = append(args, "--no-instructions")
	}
	if r.major >= 17 && locale != "C" {
		args = append(args, "--locale-provider=builtin", "--builtin-locale="+locale)
	}
	return args
}

func runInitdb(ctx context.Context, r release, a account, args []string) (said string, err error) {
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, filepath.Join(r.bin, "initdb"), args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = "/", environment(), &out, &out
	cmd.WaitDelay = time.Second // its own child may hold the pipe when it was killed
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Credential: a.credential()}
	err = onOneThread(cmd.Run)
	return out.String(), err
}

// environment is what PostgreSQL's programs see of ours: nothing that may hold a secret or change what they do.
func environment() []string {
	env := []string{"LANG=C.UTF-8"}
	for _, name := range []string{"PATH", "TZ", "LD_LIBRARY_PATH"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
