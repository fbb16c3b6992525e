package content

import (
	"errors"
	"testing"
	"time"

	"holdfast/internal/coursegen"
	"holdfast/internal/fault"
	"holdfast/internal/lifecycle"
	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/secret"
)

func TestContentKeepsTheContractOfServices(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	lifecycletest.Stress(t, func() lifecycle.Service {
		c, _ := w.build()
		return c
	})
}

// S4-30, S4-34: all processes are alike; one of them syncs, and when it ends another one does.
func TestOneOfManyEqualProcessesHasTheRole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.course("physics", small(29))
	w.ttl = 2 * time.Second
	var all []*Content
	for range 4 {
		c, _ := w.start()
		all = append(all, c)
	}
	holders := func() (held []*Content) {
		for _, c := range all {
			if c.producer.role.held() != 0 {
				held = append(held, c)
			}
		}
		return held
	}
	var token int64
	for len(all) > 1 {
		eventually(t, "somebody has the role", func() bool { return len(holders()) > 0 })
		held := holders()
		if len(held) != 1 {
			t.Fatalf("%d processes hold the role", len(held))
		}
		if now := held[0].producer.role.held(); now <= token {
			t.Errorf("token %d after %d", now, token)
		} else {
			token = now
		}
		began := time.Now()
		stopContent(t, held[0])
		for i, c := range all {
			if c == held[0] {
				all = append(all[:i], all[i+1:]...)
				break
			}
		}
		eventually(t, "another has the role", func() bool { return len(holders()) == 1 })
		if took := time.Since(began); took > w.ttl {
			t.Errorf("handing the role over took %v: it was given up, nobody has to wait for its end", took)
		}
	}
}

// S4-30: who lost the role publishes nothing, whatever it had begun.
func TestThePublishOfAStaleHolderIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	course := w.course("physics", small(50))
	old, _ := w.build()
	stale := own(t, old)
	syncNow(t, old, stale, "physics")
	head := commit(t, course, coursegen.OneQuestion)
	run(t, old, "UPDATE {s}.content_roles SET expires = now() - interval '1 second'")
	c, _ := w.build(func(o *Options) { o.Mirrors = t.TempDir() })
	token := own(t, c)
	_, err := old.sync(t.Context(), stale, "physics", usual, quiet)
	if !errors.Is(err, errRoleLost) || fault.CodeOf(err) != "content_role_lost" {
		t.Errorf("the stale holder's sync: %v; want content_role_lost", err)
	}
	if p, err := c.Current(t.Context(), "physics"); err != nil || p.Seq != 1 {
		t.Errorf("current: %+v, %v; want revision 1", p, err)
	}
	if err := old.producer.role.renew(t.Context()); !errors.Is(err, errRoleLost) {
		t.Errorf("the stale holder renewed: %v", err)
	}
	if report := syncNow(t, c, token, "physics"); report.Seq != 2 || report.Commit != head {
		t.Errorf("the new holder's sync: %+v", report)
	}
}

// Of two that compare with the same revision, the second to publish is refused.
func TestARevisionIsPublishedOnlyAfterTheOneItWasComparedWith(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	course := w.course("physics", small(51))
	c, _ := w.build()
	token := own(t, c)
	syncNow(t, c, token, "physics")
	commit(t, course, coursegen.OneQuestion)
	again, _ := w.build(func(o *Options) { o.Mirrors = t.TempDir() })
	c.opts.Observe = func(_, step string) {
		if step == "index stored" {
			c.opts.Observe = func(string, string) {}
			commit(t, course, coursegen.OneQuestion)
			again.producer.role.set(token, time.Now().Add(time.Minute))
			syncNow(t, again, token, "physics")
		}
	}
	if _, err := c.sync(t.Context(), token, "physics", usual, quiet); fault.CodeOf(err) != "content_superseded" {
		t.Errorf("error %v; want content_superseded", err)
	}
	if report := syncNow(t, c, token, "physics"); report.Seq != 2 || report.Published {
		t.Errorf("then: %+v; want nothing new after revision 2", report)
	}
	wantWhole(t, c, "physics")
}

// A key that others do not have makes nothing that they would take.
func TestAnotherMasterKeyMakesAnotherSignature(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.course("physics", small(52))
	c, _ := w.build()
	syncNow(t, c, own(t, c), "physics")
	stranger, _ := w.build(func(o *Options) { o.MasterKey = secret.New("another-master-key-0123456789abcdef") })
	p, err := stranger.Current(t.Context(), "physics")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stranger.readIndex(t.Context(), p); fault.KindOf(err) != fault.Invalid {
		t.Errorf("the index of another key was read: %v", err)
	}
}
