package content_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/content"
	hfnode "holdfast/internal/node"
	"holdfast/test/program"
)

// S4-03 (more machines in place of a bigger one), S4-04 (add and remove nodes under load: 0 errors), S4-33, S4-34, E-50, E-61: three
// machines behind a load balancer that asks for /readyz, and clients that never stop. A fourth machine joins with one token and an empty disk, an author pushes, and the machine
// that syncs is told to stop. No request fails, and what was answered is what git has.
func TestMachinesComeAndGoUnderLoadAndNoRequestFails(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, 3)
	p.nodes[0].sync()
	b := newBalancer(t)
	var backends []*backend
	for _, n := range p.nodes {
		backends = append(backends, b.add(n))
	}
	for _, x := range backends {
		b.wantUp(x)
	}
	load := startLoad(t, p, b, 3)
	load.more(60)

	fourth := p.first.join(p.nodes[1])
	n := fourth.serve()
	if diff := difference(list(t, fourth.Path("secrets")), list(t, p.first.Path("secrets"))); len(diff) != 0 && !onlyIgnored(diff) {
		t.Errorf("secrets differ: %v", diff)
	}
	p.nodes = append(p.nodes, n)
	entered := b.add(n)
	b.wantUp(entered)
	eventually(t, program.CallLimit, func() error { return atLeast("requests of the fourth machine", entered.served.Load(), 10) })
	commit := p.push()
	n.sync()
	wantSeen(t, p.nodes, commit)
	load.more(40)

	at := p.holder()
	if at < 0 {
		t.Fatal("nobody syncs")
	}
	leaving := p.nodes[at]
	leaving.Signal(syscall.SIGTERM)
	load.more(20)
	if code := leaving.Wait(program.StartLimit); code != 0 {
		t.Errorf("the machine that was told to stop ended with %d", code)
	}
	p.nodes = append(p.nodes[:at:at], p.nodes[at+1:]...)
	load.more(40)
	commit = p.push()
	p.nodes[0].sync() // the next one has the role
	wantSeen(t, p.nodes, commit)
	load.more(40)
	load.finish()
	for _, x := range append(backends, entered) {
		if x.served.Load() == 0 {
			t.Errorf("process %d was never asked", x.n.PID)
		}
	}
	wantListed(t, p.nodes)
}

// onlyIgnored says that secrets differ in nothing but the file that tells git to leave them alone.
func onlyIgnored(diff []string) bool {
	return len(diff) == 1 && strings.Contains(diff[0], ".gitignore")
}

// wantUp waits until the balancer has heard that a machine is ready.
func (b *balancer) wantUp(x *backend) {
	b.t.Helper()
	eventually(b.t, program.StartLimit, func() error {
		if !x.up.Load() {
			return fmt.Errorf("process %d is not ready", x.n.PID)
		}
		return nil
	})
}

func atLeast(what string, have, want int64) error {
	if have < want {
		return fmt.Errorf("%d %s, want %d", have, what, want)
	}
	return nil
}

// wantListed fails unless the list of nodes has those that run, and no other.
func wantListed(t *testing.T, nodes []*node) {
	t.Helper()
	edges := map[string]bool{}
	for _, n := range nodes {
		edges[n.edge] = true
	}
	for _, m := range ask[hfnode.ListAnswer](nodes[0].site, "node", "list").Nodes {
		if !edges[m.Edge] || m.State != hfnode.StateReady {
			t.Errorf("listed is %+v", m)
		}
		delete(edges, m.Edge)
	}
	if len(edges) > 0 {
		t.Errorf("not listed: %v", edges)
	}
}

// join makes a new machine by a token of one that runs: nothing else is carried over but the environment, which is the test's.
func (s *site) join(by *node) *site {
	s.T.Helper()
	invite := ask[hfnode.InviteAnswer](by.site, "node", "invite", "--address", by.edge)
	other := s.blank()
	cmd := other.Command("join", "-", "--host", "fourth", "--json")
	cmd.Stdin = strings.NewReader(invite.Token)
	r := program.Finish(s.T, cmd)
	var placed struct {
		Config  string
		Written []string
	}
	if err := json.Unmarshal([]byte(r.Stdout), &placed); r.Code != 0 || err != nil {
		s.T.Fatalf("join ends with %d, %v:\n%s", r.Code, err, r.Stderr)
	}
	if placed.Config != other.Path("holdfast.toml") || len(placed.Written) < 3 {
		s.T.Errorf("join: %+v", placed)
	}
	return other
}

// load is clients that never stop, and what they saw.
type load struct {
	t    testing.TB
	p    *platform
	b    *balancer
	end  context.CancelFunc
	all  sync.WaitGroup
	done atomic.Int64

	mu   sync.Mutex        // protects the following
	seen map[string]string // by commit and path: what was read
}

// startLoad starts clients. Each prepares a question on some machine and reads it there, and then has a browser's file from another.
func startLoad(t testing.TB, p *platform, b *balancer, clients int) *load {
	t.Helper()
	ctx, end := context.WithCancel(context.Background())
	l := &load{t: t, p: p, b: b, end: end, seen: map[string]string{}}
	t.Cleanup(func() { end(); l.all.Wait() })
	token, err := os.ReadFile(p.first.Path("secrets/admin_token"))
	if err != nil {
		t.Fatal(err)
	}
	questions := p.course.Questions()
	for i := range clients {
		l.all.Go(func() {
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for turn := i; ; turn += clients {
				l.round(strings.TrimSpace(string(token)), questions[turn%len(questions)])
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
			}
		})
	}
	return l
}

// round is what one visitor causes.
func (l *load) round(token, question string) {
	body, err := json.Marshal(content.EnsureRequest{Source: "course", Want: []string{"render:" + question}, Lease: content.LeaseTTL})
	if err != nil {
		l.b.fail(err.Error())
		return
	}
	text, ok := l.request(http.MethodPost, l.b.URL+"/v1/content/ensure", token, body)
	if !ok {
		return
	}
	var answer content.EnsureAnswer
	if err := json.Unmarshal(text, &answer); err != nil {
		l.b.fail(err.Error())
		return
	}
	path := "questions/" + question + "/question.html"
	data, err := os.ReadFile(filepath.Join(answer.Dir, path))
	if err != nil {
		l.b.fail(err.Error())
		return
	}
	l.saw(answer.Revision, path, data)
	const notes = "clientFilesCourse/formulas.svg"
	if data, ok := l.request(http.MethodGet, l.b.URL+answer.URL+notes, "", nil); ok {
		l.saw(answer.Revision, notes, data)
	}
}

// request sends a request through the balancer, once.
func (l *load) request(method, url, token string, body []byte) ([]byte, bool) {
	ctx, cancel := contextFor(program.CallLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		l.b.fail(err.Error())
		return nil, false
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := l.b.Client().Do(req)
	if err != nil {
		l.b.fail(err.Error())
		return nil, false
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		l.b.fail(fmt.Sprintf("%s %s: status %d, %v: %s", method, url, resp.StatusCode, err, text))
		return nil, false
	}
	l.done.Add(1)
	return text, true
}

func (l *load) saw(commit, path string, data []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	what := fmt.Sprintf("%d bytes %x", len(data), sha256.Sum256(data))
	if was, ok := l.seen[commit+" "+path]; ok && was != what {
		l.b.fail(path + " of " + commit + " is not always the same")
	}
	l.seen[commit+" "+path] = what
}

// more waits until the clients had so many more answers, and fails as soon as a request did.
func (l *load) more(n int64) {
	l.t.Helper()
	want := l.done.Load() + n
	eventually(l.t, program.CallLimit, func() error { return atLeast("answers", l.done.Load(), want) })
}

// finish ends the load and compares what was seen with git.
func (l *load) finish() {
	l.t.Helper()
	l.end()
	l.all.Wait()
	l.b.mu.Lock()
	defer l.b.mu.Unlock()
	for _, text := range l.b.failed[:min(len(l.b.failed), 10)] {
		l.t.Error(text)
	}
	commits := map[string]bool{}
	for key, what := range l.seen {
		commit, path, _ := strings.Cut(key, " ")
		commits[commit] = true
		if want := l.p.truth.of(l.t, commit)[path]; want != what && want != what+" executable" {
			l.t.Errorf("%s of %s is %s, want %s", path, commit, what, want)
		}
	}
	if len(commits) < 3 {
		l.t.Errorf("seen are %d revisions, want 3", len(commits))
	}
	l.t.Logf("%d answers, %d of them failed; %d files compared, of %d revisions", l.done.Load(), len(l.b.failed), len(l.seen), len(commits))
}
