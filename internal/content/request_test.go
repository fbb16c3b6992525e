package content

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/internal/coursegen"
	"holdfast/internal/fault"
	"holdfast/internal/secret"
)

// S4-31: a request to any process reaches the holder, and its report comes back.
func TestARequestToAnyProcessReachesTheHolder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	course := w.course("physics", small(60))
	other, e := w.start(func(o *Options) { o.Config.Sync = false })
	holder, _ := w.start()
	var mu sync.Mutex
	var lines []string
	report, err := other.Sync(t.Context(), SyncRequest{Source: "physics", Regenerate: true}, func(line string) {
		mu.Lock()
		defer mu.Unlock()
		lines = append(lines, line)
	})
	if err != nil || report.Commit != course.Head || report.Chunks == 0 {
		t.Errorf("report %+v, %v", report, err)
	}
	if holder.producer.role.held() == 0 || other.producer.role.held() != 0 {
		t.Error("the wrong process has the role")
	}
	eventually(t, "the other process hears of the publication", func() bool { return e.latest("physics").Commit.String() == course.Head })
	if _, err := other.Sync(t.Context(), SyncRequest{Source: "no-such"}, nil); fault.CodeOf(err) != "content_no_source" {
		t.Errorf("an unknown source: %v", err)
	}
	gc, err := other.GC(t.Context(), GCRequest{DryRun: true}, nil)
	if err != nil || gc.Live.Parts == 0 || !gc.DryRun {
		t.Errorf("a dry collection: %+v, %v", gc, err)
	}
}

// An error crosses processes with its code, kind and hint.
func TestTheFailureOfARequestKeepsItsCodeAndHint(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cfg.Sources["physics"] = SourceConfig{Git: t.TempDir()}
	c, _ := w.start()
	_, err := c.Sync(t.Context(), SyncRequest{Source: "physics"}, nil)
	if fault.CodeOf(err) != "content_git_not_a_repository" || fault.KindOf(err) != fault.NotFound || fault.HintOf(err) == "" {
		t.Errorf("error %v, code %s, hint %q", err, fault.CodeOf(err), fault.HintOf(err))
	}
	list, err := c.Sources(t.Context())
	if err != nil || len(list) != 1 || list[0].Failed == nil || list[0].Failure.Code != "content_git_not_a_repository" {
		t.Errorf("the list says %+v, %v", list, err)
	}
}

// What a dead holder had begun to answer is answered by the next.
func TestARequestOfADeadHolderIsAnswered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.course("physics", small(61))
	dead, _ := w.build()
	token := own(t, dead)
	id, err := dead.submit(t.Context(), kindSync, "physics", SyncRequest{Source: "physics"})
	if err != nil {
		t.Fatal(err)
	}
	if claimed, err := dead.claimRequests(t.Context(), token); err != nil || len(claimed) != 1 {
		t.Fatalf("claimed %v, %v", claimed, err)
	}
	run(t, dead, "UPDATE {s}.content_roles SET expires = '-infinity'")
	c, _ := w.start()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var report Report
	if err := c.await(ctx, id, &report, nil); err != nil || report.Seq != 1 {
		t.Errorf("report %+v, %v", report, err)
	}
}

func TestWhoGivesUpWaitingIsToldThatTheWorkGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.course("physics", small(62))
	c, _ := w.start(func(o *Options) { o.Config.Sync = false }) // nobody has the role
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := c.Sync(ctx, SyncRequest{Source: "physics"}, nil)
	if fault.CodeOf(err) != "content_wait" || fault.KindOf(err) != fault.Unavailable {
		t.Errorf("error %v (%s)", err, fault.CodeOf(err))
	}
	if n := count(t, c, "{s}.content_requests WHERE state = 'queued'"); n != 1 {
		t.Errorf("%d requests wait", n)
	}
}

// The styles of GitHub, Gitea and GitLab, and what is none of them.
func TestAWebhookNeedsProof(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.course("physics", small(63), func(s *SourceConfig) { s.WebhookSecret = secret.New("told-to-the-git-service") })
	w.course("open", small(64))
	c, e := w.start()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /content-hook/{source}", c.serveWebhook)
	body := []byte(`{"ref": "refs/heads/main"}`)
	good := fmt.Sprintf("%x", hookMAC("told-to-the-git-service", body))
	f := func(source, header, value string, want int) {
		t.Helper()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/content-hook/"+source, bytes.NewReader(body))
		if header != "" {
			r.Header.Set(header, value)
		}
		answer := httptest.NewRecorder()
		mux.ServeHTTP(answer, r)
		if answer.Code != want {
			t.Errorf("%s with %s: %d %s; want %d", source, header, answer.Code, answer.Body, want)
		}
	}
	denied := http.StatusForbidden
	f("physics", "", "", denied)
	f("physics", "X-Hub-Signature-256", "sha256="+strings.Repeat("00", 32), denied)
	f("physics", "X-Hub-Signature-256", "sha256=", denied)
	f("physics", "X-Gitlab-Token", "told-to-the-git-servic", denied)
	f("open", "X-Hub-Signature-256", fmt.Sprintf("sha256=%x", hookMAC("", body)), denied)
	f("unknown", "X-Hub-Signature-256", "sha256="+good, denied)
	f("physics", "X-Hub-Signature-256", "sha256="+good, http.StatusAccepted)
	f("physics", "X-Gitea-Signature", good, http.StatusAccepted)
	f("physics", "X-Gitlab-Token", "told-to-the-git-service", http.StatusAccepted)
	eventually(t, "the source is synced", func() bool { return e.latest("physics").Seq == 1 })
}

// S4-10: a push that is told by webhook is known everywhere within two seconds.
func TestAPushIsKnownToAllWithinTwoSeconds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	course := w.course("physics", small(65))
	var ears []*ear
	var all []*Content
	for range 3 {
		c, e := w.start()
		all, ears = append(all, c), append(ears, e)
	}
	eventually(t, "the first revision is known", func() bool { return ears[2].latest("physics").Seq == 1 })
	head := commit(t, course, coursegen.OneQuestion)
	began := time.Now()
	if err := all[1].SyncSoon(t.Context(), "physics"); err != nil {
		t.Fatal(err)
	}
	for _, e := range ears {
		eventually(t, "the push is known", func() bool { return e.latest("physics").Commit.String() == head })
	}
	if took := time.Since(began); took > 5*time.Second { // 2 s on a machine of its own
		t.Errorf("it took %v", took)
	}
}
