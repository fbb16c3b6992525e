package daemon_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"holdfast/internal/lifecycle/lifecycletest"
)

func statusOf(t *testing.T, url string) (int, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	resp.Body.Close()
	return resp.StatusCode, nil
}

// E-61: who asks /readyz hears of the end before the doors close.
func TestALoadBalancerIsGivenNoticeBeforeTheDoorsClose(t *testing.T) {
	t.Parallel()
	c := configure(t, "HOLDFAST_ADMIN__STOP_NOTICE=1m")
	d := startWith(t, c, nil)
	ready := "http://" + d.AdminAddr() + "/readyz"
	for range 2 {
		if status, err := statusOf(t, ready); status != http.StatusOK {
			t.Fatalf("%d, %v", status, err)
		}
	}
	ctx, cut := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- d.Stop(ctx) }()
	lifecycletest.Eventually(t, 20*time.Second, func() error {
		if status, err := statusOf(t, ready); err != nil || status != http.StatusServiceUnavailable {
			return fmt.Errorf("/readyz: %d, %v", status, err)
		}
		return nil
	})
	if status, err := statusOf(t, d.EdgeURL()+"/nothing"); err != nil || status != http.StatusNotFound {
		t.Errorf("a request meanwhile: %d, %v", status, err)
	}
	cut()     // the minute is over, and with it the time of everything else
	<-stopped // with what was cut
	if status, err := statusOf(t, d.EdgeURL()+"/nothing"); err == nil {
		t.Errorf("after the end: %d", status)
	}
}

func TestWhereNobodyAsksForReadinessTheEndDoesNotWait(t *testing.T) {
	t.Parallel()
	d := startWith(t, configure(t, "HOLDFAST_ADMIN__STOP_NOTICE=1m"), nil)
	if status, err := statusOf(t, "http://"+d.AdminAddr()+"/readyz"); status != http.StatusOK { // a person, once
		t.Fatalf("%d, %v", status, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second) // half of the notice
	defer cancel()
	if err := d.Stop(ctx); err != nil || ctx.Err() != nil {
		t.Errorf("%v, %v", err, ctx.Err())
	}
}
