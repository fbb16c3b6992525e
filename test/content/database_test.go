package content_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"holdfast/internal/content"
	"holdfast/internal/control"
	"holdfast/internal/coursegen"
	"holdfast/internal/pgtest"
)

// outageSeen is within what time a machine says that PostgreSQL is gone, and that it is back.
const outageSeen = 60 * time.Second

// S4-25, E-45: PostgreSQL is killed under a running daemon. It goes on with the last revision that is ready, for applications, for
// browsers and for what is cold, and says so where an administrator looks. When PostgreSQL is back so is all else, by itself.
func TestAMachineGoesOnWithoutPostgreSQL(t *testing.T) {
	t.Parallel()
	server := pgtest.Cluster(t, pgtest.Durable())
	course := newCourse(t, coursegen.Options{Seed: 61, Questions: 6})
	truth := newCheckouts(course.Dir, "")
	n := newSiteOn(t, server.Database(t)).source("course", course.Dir, "serve", "public").serve()
	n.sync()
	questions := course.Questions()
	warm := n.ensure("render:" + questions[0])
	page := n.edge + "/content/course/" + warm.Revision + "/clientFilesCourse/notes"
	before := browse(t, page)

	server.Kill(t)
	eventually(t, outageSeen, func() error {
		if a := n.ensure("render:" + questions[0]); !a.Stale {
			return errors.New("the answer does not say that it may be old")
		}
		return nil
	})
	a := n.ensure("render:" + questions[0])
	if a.Dir != warm.Dir || len(a.Cold) > 0 {
		t.Errorf("without PostgreSQL: %+v", a)
	}
	n.wantChunks(truth, n.ensure("question:"+questions[4])) // it was never asked for
	if got := browse(t, page); got != before {
		t.Errorf("a browser gets %q, before it was %q", got, before)
	}
	if l := mustCall[content.ListAnswer](n, "list", control.Empty{}); !l.Stale || len(l.Sources) != 1 || l.Sources[0].Commit != warm.Revision {
		t.Errorf("content list: %+v", l)
	}
	wantStatus(t, n, "PostgreSQL is silent", true)
	if r := n.site.Run("content", "sync", "course"); r.Code == 0 || !strings.Contains(r.Stderr, "hint: ") {
		t.Errorf("sync without PostgreSQL ends with %d:\n%s", r.Code, r.Stderr)
	}

	head := commit(t, course, coursegen.OneQuestion)
	server.Start(t)
	eventually(t, outageSeen, func() error {
		_, err := call[content.Report](n, "sync", content.SyncRequest{Source: "course"})
		return err
	})
	wantSeen(t, []*node{n}, head)
	wantStatus(t, n, "PostgreSQL is silent", false)
	n.wantChunks(truth, n.ensure("all"))
}

// browse returns the status and the body of an answer.
func browse(t *testing.T, address string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", address, r.Status, err)
	}
	return fmt.Sprint(r.StatusCode, " ", len(body), " ", string(body[:min(len(body), 40)]))
}

// wantStatus waits until "holdfast status" says something, or does not say it any more.
func wantStatus(t *testing.T, n *node, text string, says bool) {
	t.Helper()
	eventually(t, outageSeen, func() error {
		r := n.site.Run("status")
		if strings.Contains(r.Stdout+r.Stderr, text) != says {
			return fmt.Errorf("status:\n%s%s", r.Stdout, r.Stderr)
		}
		return nil
	})
}
