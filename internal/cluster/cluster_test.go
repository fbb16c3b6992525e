package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/health"
	"holdfast/internal/lifecycle"
	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestTheClusterKeepsTheContractOfServices(t *testing.T) {
	t.Parallel()
	lifecycletest.Stress(t, func() lifecycle.Service {
		play := &cast{hosts: map[string]*actor{}}
		play.set("a", "P1")
		play.set("b", "-")
		return build(Config{Hosts: []Host{{Name: "a"}, {Name: "b"}}}, discard(), func(h Host) prober { return play.hosts[h.Name] })
	})
}

func TestStartIsReadyWhenEveryHostWasAsked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		c, _ := stage(t, Config{}, "P1", "silent", "-")
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("took %s", took)
		}
		if got := primaryNow(c); got != "a" {
			t.Errorf("primary %q", got)
		}
	})
}

// S2-06: what a failover looks like from here, second by second.
func TestAFailoverIsFollowedAndTheOldPrimaryIsNotTakenBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		found := health.New()
		c, play := stage(t, Config{Name: "main", Health: found}, "P1", "R1", "R1")
		var seen []string
		c.Subscribe(func(change Change) {
			seen = append(seen, fmt.Sprintf("%s>%s %d", change.Before.Primary.Name, change.After.Primary.Name, len(change.After.Replicas)))
		})
		play.set("a", "-")
		c.Suspect("a")
		synctest.Wait()
		if got := primaryNow(c); got != "" {
			t.Errorf("primary %q though it refuses connections", got)
		}
		play.set("b", "P2")
		time.Sleep(hurry)
		synctest.Wait()
		if got := primaryNow(c); got != "b" {
			t.Errorf("primary %q, want b within %s", got, hurry)
		}
		play.set("a", "P1")
		time.Sleep(time.Minute)
		if got := primaryNow(c); got != "b" || c.Status()[0].Role != RoleStale {
			t.Errorf("primary %q, the old one is %s", got, c.Status()[0].Role)
		}
		play.set("b", "-")
		play.set("c", "R2")
		time.Sleep(time.Minute)
		if got := primaryNow(c); got != "" {
			t.Errorf("primary %q: the stale one was taken back", got)
		}
		synctest.Wait()
		shown := codes(found)
		for _, want := range []string{"cluster_no_primary main", "cluster_host_stale a", "cluster_host_down b"} {
			if shown[want] == "" {
				t.Errorf("no finding %q among %v", want, shown)
			}
		}
		if got := strings.Join(seen, ", "); got != "a> 2, >b 0, b> 0, > 1" && got != "a> 2, >b 0, b>b 1, b> 1" {
			t.Errorf("changes: %s", got)
		}
		c.Forget()
		play.set("c", "-") // and the timeline with it
		time.Sleep(time.Minute)
		c.Forget()
		if got := primaryNow(c); got != "a" {
			t.Errorf("primary %q after forgetting", got)
		}
	})
}

func TestTwoPrimariesOnOneTimelineAreNone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		found := health.New()
		c, play := stage(t, Config{Name: "main", Health: found}, "P2", "R2", "P2")
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := c.Primary(ctx)
		if fault.CodeOf(err) != "cluster_split" || !c.State().Split || !strings.Contains(err.Error(), "a, c") {
			t.Errorf("Primary: %v", err)
		}
		if _, ok := codes(found)["cluster_split main"]; !ok {
			t.Errorf("findings: %v", codes(found))
		}
		play.set("c", "-")
		if h, err := c.Primary(t.Context()); h.Name != "a" || err != nil {
			t.Errorf("Primary: %v, %v", h, err)
		}
		if err := c.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if left := codes(found); len(left) != 0 {
			t.Errorf("findings after Stop: %v", left)
		}
	})
}

func TestABusyPrimaryIsNotADeadOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, play := stage(t, Config{Misses: 3}, "P1", "R1")
		play.set("a", "silent")
		time.Sleep(5 * time.Second) // a second, two checks of two seconds
		if got := primaryNow(c); got != "a" {
			t.Errorf("primary %q after two silent checks", got)
		}
		time.Sleep(3 * time.Second)
		if got := primaryNow(c); got != "" {
			t.Errorf("primary %q after three silent checks", got)
		}
		play.set("a", "P1")
		began := time.Now()
		if h, err := c.Primary(t.Context()); h.Name != "a" || err != nil || time.Since(began) > 3*time.Second {
			t.Errorf("Primary: %v, %v after %s", h, err, time.Since(began))
		}
	})
}

func TestWaitingForAPrimaryHasALimitAndSaysWhy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, _ := stage(t, Config{}, "-", "R1")
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		began := time.Now()
		_, err := c.Primary(ctx)
		var e *Error
		if !errors.As(err, &e) || e.SQLState() != "57P03" || e.Permanent() || !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 3*time.Second {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		if !strings.Contains(err.Error(), "a: connection refused") || !strings.Contains(err.Error(), "b: it is a replica") {
			t.Errorf("Primary: %v", err)
		}
	})
}

func TestASuspiciousHostIsAskedAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, play := stage(t, Config{Interval: time.Hour}, "P1", "R1")
		synctest.Wait()
		before := play.asked("a")
		for range 100 {
			c.Suspect("a")
		}
		c.Suspect("nobody")
		synctest.Wait()
		if n := play.asked("a") - before; n < 1 || n > 2 {
			t.Errorf("asked %d times", n)
		}
		time.Sleep(59 * time.Minute)
		if n := play.asked("a") - before; n > 2 {
			t.Errorf("asked %d times within the hour", n)
		}
	})
}

func TestNamesAreResolvedAgainWhileThereIsNoPrimary(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, play := stage(t, Config{}, "R1", "R1")
		time.Sleep(10 * time.Second)
		play.mu.Lock()
		defer play.mu.Unlock()
		if n := play.hosts["a"].renewed; n < 5 || n > 10 {
			t.Errorf("renewed %d times in 10 s", n)
		}
	})
}

// S1-21, S2-13: reads go to replicas by load, weight and lag.
func TestReadsGoToTheReplicaWithTheLeastLoadForItsWeight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, play := stage(t, Config{}, "P1", "R1", "R1", "R1") // weights 1, 2, 1, 2
		synctest.Wait()
		taken := map[string]int{}
		for range 50 {
			h, err := c.Pick(Want{})
			if err != nil {
				t.Fatal(err)
			}
			c.Acquire(h.Name)
			taken[h.Name]++
		}
		if taken["a"] != 0 || taken["b"] != 20 || taken["c"] != 10 || taken["d"] != 20 {
			t.Errorf("uses: %v", taken)
		}
		for range 20 {
			c.Done("d")
		}
		if h, _ := c.Pick(Want{}); h.Name != "d" {
			t.Errorf("picked %s, want the idle one", h.Name)
		}
		if list := c.Replicas(0); len(list) != 3 || list[0].Name != "d" || c.Status()[1].InUse != 20 {
			t.Errorf("replicas: %v", list)
		}
		play.set("d", "-")
		time.Sleep(time.Second)
		synctest.Wait()
		if list := c.Replicas(0); len(list) != 2 {
			t.Errorf("replicas: %v", list)
		}
	})
}

// S1-21: the rule for a replica that falls behind. E-26: a read may ask for a position.
func TestALagLimitAndAPositionExcludeReplicas(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, play := stage(t, Config{}, "P1", "R1", "R1")
		for i := range 10 {
			play.replayed("a", LSN(1000+100*i))
			play.replayed("b", LSN(1000+100*i))
			time.Sleep(time.Second)
		}
		synctest.Wait()
		s := c.Status()[2]
		if s.LagBytes < 800 || s.Lag < 8*time.Second || s.Lag > 11*time.Second {
			t.Errorf("c is %d bytes, %s behind", s.LagBytes, s.Lag)
		}
		if list := c.Replicas(2 * time.Second); len(list) != 1 || list[0].Name != "b" {
			t.Errorf("within 2 s: %v", list)
		}
		if list := c.AtLeast(1500); len(list) != 1 || list[0].Name != "b" {
			t.Errorf("from 1500: %v", list)
		}
		_, err := c.Pick(Want{AtLeast: 5000})
		if fault.CodeOf(err) != "cluster_no_replica" || !strings.Contains(err.Error(), "b: it has replayed up to 0/76C") {
			t.Errorf("Pick: %v", err)
		}
		go func() { // ended by the end of the test's bubble, which waits for it
			time.Sleep(3 * time.Second)
			play.replayed("c", 5000)
		}()
		began := time.Now()
		h, err := c.WaitReplayed(t.Context(), Want{AtLeast: 5000})
		if took := time.Since(began); h.Name != "c" || err != nil || took > 3*time.Second+hurry {
			t.Errorf("WaitReplayed: %v, %v after %s", h, err, took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.WaitReplayed(ctx, Want{AtLeast: 6000}); fault.CodeOf(err) != "cluster_no_replica" {
			t.Errorf("WaitReplayed: %v", err)
		}
	})
}

func TestLagStaysWhatItWasWhileThereIsNoPrimary(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, play := stage(t, Config{}, "P1", "R1")
		play.replayed("a", 1000)
		play.replayed("b", 1000)
		time.Sleep(3 * time.Second)
		play.set("a", "-")
		time.Sleep(time.Minute)
		synctest.Wait()
		if list := c.Replicas(2 * time.Second); len(list) != 1 {
			t.Errorf("replicas: %v, %+v", list, c.Status()[1])
		}
	})
}

func TestASubscriptionEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, play := stage(t, Config{}, "P1", "R1")
		calls := 0
		cancel := c.Subscribe(func(Change) {
			calls++
			_ = c.Status() // no lock is held
		})
		play.set("a", "-")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if calls != 1 {
			t.Errorf("%d calls", calls)
		}
		cancel()
		play.set("a", "P1")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if calls != 1 {
			t.Errorf("%d calls after the end", calls)
		}
	})
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }
