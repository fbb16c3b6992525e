package lifecycletest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestPollReturnsOnceTheConditionHolds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		err := poll(t.Context(), time.Minute, func() error {
			if calls++; calls < 3 {
				return errors.New("not yet")
			}
			return nil
		})
		if err != nil || calls != 3 {
			t.Errorf("poll: %v after %d calls; want nil after 3", err, calls)
		}
	})
}

func TestPollGivesUpWithTheLastError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		err := poll(t.Context(), time.Minute, func() error { return errors.New("not yet") })
		if err == nil || err.Error() != "not yet" || time.Since(begin) != time.Minute {
			t.Errorf("poll: %v after %v; want the last error after a minute", err, time.Since(begin))
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err = poll(ctx, time.Minute, func() error { return errors.New("not yet") })
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "not yet") {
			t.Errorf("poll when cancelled: %v", err)
		}
	})
}
