package content_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/internal/content"
	"holdfast/internal/control"
	"holdfast/internal/coursegen"
	"holdfast/internal/s3test"
)

const hookSecret = "a-secret-that-both-sides-know"

// platform is several machines with one database and one S3 store, and an author with a clone.
type platform struct {
	t      *testing.T
	course *coursegen.Course
	server *s3test.Server
	clone  string
	truth  *checkouts
	first  *site
	nodes  []*node
	edits  int
}

func newPlatform(t *testing.T, machines int) *platform {
	t.Helper()
	p := &platform{t: t, server: s3test.Versitygw(t), clone: filepath.Join(t.TempDir(), "clone")}
	p.course = newCourse(t, coursegen.Options{Seed: 41, Questions: 15})
	p.truth = newCheckouts(p.course.Dir, "")
	git(t, nil, "clone", "--quiet", p.course.Dir, p.clone)
	p.first = newSite(t).onS3(p.server).source("course", p.course.Dir, "webhook_secret", hookSecret)
	p.nodes = append(p.nodes, p.first.begin())
	for range machines - 1 {
		p.nodes = append(p.nodes, p.first.twin().begin())
	}
	for _, n := range p.nodes {
		n.ready()
	}
	return p
}

// push lets the author change one question, and returns the commit.
func (p *platform) push() string {
	p.t.Helper()
	p.edits++
	path := filepath.Join("questions", p.course.Questions()[p.edits%5], "question.html")
	if err := os.WriteFile(filepath.Join(p.clone, path), fmt.Appendf(nil, "<p>Edit %d</p>\n", p.edits), 0o600); err != nil {
		p.t.Fatal(err)
	}
	git(p.t, nil, "-C", p.clone, "commit", "--quiet", "-a", "-m", fmt.Sprint("Edit ", p.edits))
	git(p.t, nil, "-C", p.clone, "push", "--quiet", "origin", "HEAD:"+p.course.Branch)
	return git(p.t, nil, "-C", p.clone, "rev-parse", "HEAD")
}

// hook calls the webhook on a node's edge as GitHub does, and returns the status.
func (p *platform) hook(n *node, secret string) int {
	p.t.Helper()
	body := []byte(`{"ref":"refs/heads/main"}`)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, n.edge+"/content-hook/course", bytes.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// holder returns the node that syncs, -1 for none.
func (p *platform) holder() int {
	for i, n := range p.nodes {
		if s, err := call[content.StatsAnswer](n, "stats", control.Empty{}); err == nil && s.Holder {
			return i
		}
	}
	return -1
}

// wantAll fails unless every node gives a question of the commit as git does.
func (p *platform) wantAll(commit string) {
	p.t.Helper()
	for _, n := range p.nodes {
		a := n.ensure("render:" + p.course.Questions()[p.edits%5])
		if a.Revision != commit {
			p.t.Errorf("process %d gives %s, want %s", n.PID, a.Revision, commit)
		}
		n.wantChunks(p.truth, a)
	}
}

// S4-01, S4-09, S4-10, S4-30, S4-31, C-28, E-55: three daemons, each with its own state and cache, one database, one S3 store.
// What an author pushes is used by all of them within two seconds, whichever is told. The one that syncs is killed, and
// another takes over. A fourth joins with an empty disk and answers at once.
func TestThreeMachinesUseWhatAnAuthorPushes(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, 3)
	p.nodes[2].sync()
	p.wantAll(p.course.Head)
	if status := p.hook(p.nodes[0], "a-secret-that-is-wrong"); status != http.StatusForbidden && status != http.StatusUnauthorized {
		t.Errorf("a webhook with a wrong secret is answered with %d", status)
	}
	for i, n := range p.nodes {
		commit := p.push()
		began := time.Now()
		if status := p.hook(n, hookSecret); status != http.StatusAccepted {
			t.Errorf("the webhook is answered with %d", status)
		}
		wantSeen(t, p.nodes, commit)
		t.Logf("told to process %d by webhook: seen by all after %s", i, time.Since(began).Round(time.Millisecond))
		p.wantAll(commit)
	}
	for i := range p.nodes {
		commit := p.push()
		p.nodes[i].site.Must("content", "sync", "course")
		wantSeen(t, p.nodes, commit)
	}
	p.replaceHolder()
	p.join()
}

// replaceHolder kills the one that syncs.
func (p *platform) replaceHolder() {
	p.t.Helper()
	at := p.holder()
	if at < 0 {
		p.t.Fatal("nobody syncs")
	}
	dead := p.nodes[at]
	dead.Kill()
	p.nodes = append(p.nodes[:at:at], p.nodes[at+1:]...)
	commit := p.push()
	began := time.Now()
	if r := p.nodes[0].sync(); r.Commit != commit { // it waits for the next holder
		p.t.Errorf("published is %s, pushed was %s", r.Commit, commit)
	}
	p.t.Logf("published by another %s after the holder was killed", time.Since(began).Round(time.Millisecond))
	wantSeen(p.t, p.nodes, commit)
	p.wantAll(commit)
	again := dead.site.serve()
	p.nodes = append(p.nodes, again)
	p.wantAll(commit)
}

// join adds a machine with an empty disk.
func (p *platform) join() {
	p.t.Helper()
	late := p.first.twin().begin()
	late.ready()
	began := time.Now()
	a := late.ensure("render:" + p.course.Questions()[0])
	p.t.Logf("the first answer of a fresh machine after %s, %d bytes in %.1f ms", time.Since(began).Round(time.Millisecond), a.Bytes, a.WaitedMS)
	if len(a.Cold) == 0 {
		p.t.Error("nothing was fetched")
	}
	late.wantChunks(p.truth, a)
	p.nodes = append(p.nodes, late)
	commit := p.push()
	late.site.Must("content", "sync", "course")
	wantSeen(p.t, p.nodes, commit)
	p.wantAll(commit)
}

// S4-28, E-56: with the store down, or the database, a machine goes on with what it has, and says so; what it lacks is
// refused with a reason, and comes when the store is back.
func TestAMachineGoesOnWithoutItsStore(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, 1)
	n := p.nodes[0]
	n.sync()
	questions := p.course.Questions()
	warm := n.ensure("render:" + questions[0])
	p.server.Inject(s3test.Unavailable)
	if a := n.ensure("render:" + questions[0]); len(a.Cold) > 0 || a.Revision != warm.Revision {
		t.Errorf("without the store: %+v", a)
	}
	p.push()
	if r := n.site.Run("content", "sync", "course"); r.Code != 7 || !strings.Contains(r.Stderr, "hint: ") {
		t.Errorf("sync without the store ends with %d:\n%s", r.Code, r.Stderr)
	}
	r := n.site.Run("content", "ensure", "course", "question:"+questions[7])
	if r.Code != 7 || !strings.Contains(r.Stderr, "hint: ") {
		t.Errorf("ensure of what is not here ends with %d:\n%s", r.Code, r.Stderr)
	}
	p.server.Inject(nil)
	n.wantChunks(p.truth, n.ensure("question:"+questions[7]))
	commit := p.push()
	n.sync()
	wantSeen(t, p.nodes, commit)
	n.wantChunks(p.truth, n.ensure("all"))
}
