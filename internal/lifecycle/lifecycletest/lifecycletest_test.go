package lifecycletest

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestPollReturnsOnceTheConditionHolds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		err := poll(time.Minute, func() error {
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
		err := poll(time.Minute, func() error { return errors.New("not yet") })
		if err == nil || err.Error() != "not yet" || time.Since(begin) != time.Minute {
			t.Errorf("poll: %v after %v; want the last error after a minute", err, time.Since(begin))
		}
	})
}
