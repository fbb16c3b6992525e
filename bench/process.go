package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a server under measurement.
type process struct {
	cmd  *exec.Cmd
	log  string
	done chan struct{}
}

// run starts a server and waits until it answers at addr. Its output goes to a file named after it.
func run(dir, name, addr string, env []string, program string, args ...string) (*process, error) {
	return runAs(nil, dir, name, addr, env, program, args...)
}

// runAs is run for another account than ours.
func runAs(as *syscall.Credential, dir, name, addr string, env []string, program string, args ...string) (*process, error) {
	p := &process{cmd: exec.Command(program, args...), log: filepath.Join(dir, name+".log"), done: make(chan struct{})}
	out, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: as}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() { // stop waits for it
		defer close(p.done)
		_ = p.cmd.Wait() // it is ended by a signal
		out.Close()
	}()
	if err := p.await(addr); err != nil {
		p.stop()
		text, _ := os.ReadFile(p.log)
		return nil, fmt.Errorf("%s: %w\n%s", name, err, text[max(0, len(text)-2000):])
	}
	return p, nil
}

func (p *process) await(addr string) error {
	deadline := time.Now().Add(60 * time.Second)
	for time.Now().Before(deadline) {
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			return c.Close()
		}
		select {
		case <-p.done:
			return errors.New("it ended")
		case <-time.After(20 * time.Millisecond):
		}
	}
	return errors.New("no answer within a minute")
}

// stop ends the server politely, then not.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(40 * time.Second):
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.done
	}
}

// memory returns the peak resident sets of the server and of its children, in MB. For Holdfast the children are its
// private PostgreSQL, whose shared buffers count in each process that touched them.
func (p *process) memory() (own, children int) {
	own = peak(p.cmd.Process.Pid)
	for _, pid := range descendants(p.cmd.Process.Pid) {
		children += peak(pid)
	}
	return own, children
}

// cpu returns the processor time that the server and its children have used so far.
func (p *process) cpu() time.Duration {
	total := cpuOf(p.cmd.Process.Pid)
	for _, pid := range descendants(p.cmd.Process.Pid) {
		total += cpuOf(pid)
	}
	return total
}

// cpuOf reads utime and stime of a process (proc(5)), in ticks of 10 ms.
func cpuOf(pid int) time.Duration {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, ok := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

func peak(pid int) int {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, _ := strconv.Atoi(strings.Fields(rest)[0])
			return kb / 1024
		}
	}
	return 0
}

func descendants(pid int) []int {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	var all []int
	for _, t := range tasks {
		text, _ := os.ReadFile(t)
		for _, f := range strings.Fields(string(text)) {
			if child, err := strconv.Atoi(f); err == nil {
				all = append(append(all, child), descendants(child)...)
			}
		}
	}
	return all
}

// output runs a command to its end and returns what it printed.
func output(ctx context.Context, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", program, strings.Join(args, " "), err, errOut.String())
	}
	return out.String(), nil
}

// freePort returns a loopback address that nobody listens on.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
