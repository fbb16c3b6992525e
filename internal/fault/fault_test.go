package fault_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"holdfast/internal/fault"
)

func full() *fault.Error {
	return fault.New(fault.Full, "disk_full", "write blob: %w", io.ErrShortWrite).WithHint("add %d GB", 5)
}

func TestAnErrorKeepsItsCauseAndCanBeRecognisedByCode(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("put: %w", full())
	if err.Error() != "put: write blob: short write" {
		t.Errorf("text %q: want the operations and the cause, without the hint", err)
	}
	if !errors.Is(err, io.ErrShortWrite) {
		t.Error("the cause is lost")
	}
	if !errors.Is(err, &fault.Error{Code: "disk_full"}) || errors.Is(err, &fault.Error{Code: "other"}) {
		t.Error("a bare error of the same code must match, and of another code must not")
	}
	if errors.Is(fault.New(fault.Full, "", "x"), &fault.Error{}) {
		t.Error("errors without a code must not match each other")
	}
}

func TestWithHintLeavesTheOriginalAlone(t *testing.T) {
	t.Parallel()
	plain := fault.New(fault.Usage, "c", "x")
	if plain.WithHint("do it"); plain.Hint != "" {
		t.Errorf("the original has the hint %q", plain.Hint)
	}
}

func TestKindCodeAndHintComeFromTheChain(t *testing.T) {
	t.Parallel()
	f := func(err error, kind fault.Kind, code, hint string) {
		t.Helper()
		if k, c, h := fault.KindOf(err), fault.CodeOf(err), fault.HintOf(err); k != kind || c != code || h != hint {
			t.Errorf("%v: %v, %q, %q; want %v, %q, %q", err, k, c, h, kind, code, hint)
		}
	}
	f(nil, fault.Internal, "internal", "")
	f(errors.New("x"), fault.Internal, "internal", "")
	f(full(), fault.Full, "disk_full", "add 5 GB")
	f(fmt.Errorf("a: %w", fmt.Errorf("b: %w", full())), fault.Full, "disk_full", "add 5 GB")
	f(errors.Join(errors.New("x"), full()), fault.Full, "disk_full", "add 5 GB")
	f(fault.New(fault.Unavailable, "store_down", "put: %w", full()), fault.Unavailable, "store_down", "add 5 GB")
	f(fault.New(fault.Denied, "", "x"), fault.Denied, "denied", "")
	f(fmt.Errorf("wait: %w", context.Canceled), fault.Interrupted, "interrupted", "")
	f(fmt.Errorf("wait: %w", context.DeadlineExceeded), fault.Unavailable, "unavailable", "")
	f(fault.New(fault.Conflict, "c", "x: %w", context.Canceled), fault.Conflict, "c", "")
}

// The names stand in JSON output: they are a contract.
func TestKindsHaveTheirNames(t *testing.T) {
	t.Parallel()
	want := []string{
		"internal", "usage", "config", "not_found", "denied", "conflict",
		"unavailable", "full", "invalid", "interrupted", "partial",
	}
	for i, name := range want {
		if got := fault.Kind(i).String(); got != name {
			t.Errorf("kind %d is %q; want %q", i, got, name)
		}
	}
	if got := fault.Kind(200).String(); got != "internal" {
		t.Errorf("an unknown kind is %q; want internal", got)
	}
}

func TestProblemsAreToldAllAtOnceWithTheirPlace(t *testing.T) {
	t.Parallel()
	var p fault.Problems
	if p.Err() != nil {
		t.Errorf("no problem is an error: %v", p.Err())
	}
	p.Add("port", "use 1 to 65535", "%d is out of range", 70000)
	p.Add("host", "", "is empty")
	q := p.Under("database")
	q[0].File, q[0].Line = "holdfast.toml", 7
	q[1].File = "environment"
	err := fmt.Errorf("load: %w", q.Err())
	want := "load: holdfast.toml:7: database.port: 70000 is out of range → use 1 to 65535\n" +
		"environment: database.host: is empty"
	if err.Error() != want {
		t.Errorf("text %q; want %q", err, want)
	}
	if fault.KindOf(err) != fault.Config || fault.CodeOf(err) != "config_invalid" {
		t.Errorf("kind %v, code %q", fault.KindOf(err), fault.CodeOf(err))
	}
	if all := fault.Problems(nil); !errors.As(err, &all) || len(all) != 2 {
		t.Errorf("the problems cannot be taken from the error: %v", all)
	}
	if p[0].Key != "port" {
		t.Errorf("Under changed the original: %q", p[0].Key)
	}
}
