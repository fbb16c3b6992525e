package lifecycle_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/internal/lifecycle"
	"holdfast/internal/lifecycle/lifecycletest"
)

// noted returns a part that notes its starts and stops in log.
func noted(name string, log *[]string, start, stop error) lifecycle.Part {
	return lifecycle.Part{Name: name, Service: &service{
		open:  func(*service, context.Context) error { *log = append(*log, "start "+name); return start },
		drain: func(context.Context) error { *log = append(*log, "stop "+name); return stop },
	}}
}

func TestGroupKeepsTheContract(t *testing.T) {
	t.Parallel()
	lifecycletest.Stress(t, func() lifecycle.Service {
		nothing := func(context.Context) error { return nil }
		return lifecycle.NewGroup(
			lifecycle.Part{Name: "a", Service: lifecycle.NewLoop(time.Hour, nothing, func(error) {})},
			lifecycle.Part{Name: "b", Service: lifecycle.NewLoop(time.Hour, nothing, func(error) {})},
		)
	})
}

func TestGroupStartsInOrderAndStopsInReverse(t *testing.T) {
	t.Parallel()
	var log []string
	g := lifecycle.NewGroup(noted("a", &log, nil, nil), noted("b", &log, nil, errBroken), noted("c", &log, nil, errBroken))
	if err := g.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := g.Stop(t.Context())
	if err == nil || err.Error() != "stop c: broken\nstop b: broken" {
		t.Errorf("stop: %q; want both failing parts named, in the order of stopping", err)
	}
	if want := []string{"start a", "start b", "start c", "stop c", "stop b", "stop a"}; !slices.Equal(log, want) {
		t.Errorf("order %v; want %v", log, want)
	}
}

func TestGroupUnwindsWhenAPartCannotStart(t *testing.T) {
	t.Parallel()
	var log []string
	g := lifecycle.NewGroup(noted("a", &log, nil, errors.New("stuck")), noted("b", &log, errBroken, nil), noted("c", &log, nil, nil))
	err := g.Start(t.Context())
	if !errors.Is(err, errBroken) || !strings.HasPrefix(err.Error(), "start b: broken") || !strings.Contains(err.Error(), "stop a: stuck") {
		t.Errorf("start: %v; want it to name b as the cause and a as badly stopped", err)
	}
	if want := []string{"start a", "start b", "stop a"}; !slices.Equal(log, want) {
		t.Errorf("order %v; want %v", log, want)
	}
}

func TestGroupDoesNotStartFurtherPartsOnceCancelled(t *testing.T) {
	t.Parallel()
	var log []string
	ctx, cancel := context.WithCancel(t.Context())
	first := lifecycle.Part{Name: "a", Service: &service{open: func(*service, context.Context) error { cancel(); return nil }}}
	g := lifecycle.NewGroup(first, noted("b", &log, nil, nil))
	if err := g.Start(ctx); !errors.Is(err, context.Canceled) || len(log) != 0 {
		t.Errorf("start: %v, log %v; want cancelled and b untouched", err, log)
	}
}

func TestAPartThatHangsTakesOnlyItsShareOfTheDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var took []time.Duration
		hang := &service{
			open: func(*service, context.Context) error { return nil },
			drain: func(ctx context.Context) error {
				begin := time.Now()
				<-ctx.Done()
				took = append(took, time.Since(begin))
				return nil
			},
		}
		quick := &service{open: hang.open}
		g := lifecycle.NewGroup(
			lifecycle.Part{Name: "a", Service: hang},
			lifecycle.Part{Name: "b", Service: quick},
			lifecycle.Part{Name: "c", Service: &service{open: hang.open, drain: hang.drain}},
		)
		_ = g.Start(t.Context())
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		_ = g.Stop(ctx)
		if want := []time.Duration{10 * time.Second, 20 * time.Second}; !slices.Equal(took, want) {
			t.Errorf("the hanging parts had %v; want %v", took, want)
		}
	})
}
