package s3api_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"holdfast/internal/s3api/s3apitest"
)

// S0-38: what was put through one machine can be read through another at once, and goes on when the first one dies.
func TestAnyMachineServesAnyObjectAtOnce(t *testing.T) {
	t.Parallel()
	a := s3apitest.Start(t, s3apitest.Options{})
	b := a.Twin(t)
	one, two := newClient(t, a), newClient(t, b)
	one.mustBucket("bkt")
	for i := range 50 {
		target, body := fmt.Sprintf("/bkt/%d", i%10), fmt.Sprintf("version %d", i)
		one.mustPut(target, body)
		if got := two.do("GET", target, ""); got.body != body {
			t.Fatalf("%d: the other machine says %d %q", i, got.status, got.body)
		}
		one, two = two, one
	}
	k := a.NewKey(t, s3apitest.Everything())
	newClient(t, b).as(k).do("GET", "/bkt/1", "").want(t, 200, "")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := a.Server.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	last := newClient(t, b)
	last.mustPut("/bkt/alone", "x")
	last.do("GET", "/bkt/1", "").want(t, 200, "")
}
