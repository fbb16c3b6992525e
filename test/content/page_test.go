package content_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"holdfast/internal/coursegen"
	"holdfast/internal/pgtest"
	"holdfast/test/program"
)

// page is docs/operate/prairielearn.md as a session: its blocks are run one after the other.
type page struct {
	t       *testing.T
	server  *pgtest.PG
	s       *site
	other   *site // the machine that joins
	nodes   []*node
	work    string
	replace *strings.Replacer
	orders  chan order
	blocks  int
}

// order is what a block asks of systemctl.
type order struct {
	verb, unit string
	done       chan struct{}
}

// E-62, S0-04: what the page about an application with courses says works: backups and their way back, a machine that joins, deploys and
// restarts of the application, of PostgreSQL and of Holdfast.
func TestThePageAboutAnApplicationOfThisKindWorks(t *testing.T) {
	t.Parallel()
	p := newPage(t)
	text, err := os.ReadFile("../../docs/operate/prairielearn.md")
	if err != nil {
		t.Fatal(err)
	}
	p.appendConfig(blockBelow(string(text), "## The first machine"))
	p.nodes = []*node{p.s.serve()}
	before := ""
	for _, part := range split(string(text)) {
		switch {
		case !part.block:
			before = part.text
		case strings.HasPrefix(part.text, "[database]"):
			p.wantConfig(part.text)
		case strings.HasPrefix(part.text, "["): // appended above
		default:
			p.run(part.text, strings.HasPrefix(before, "On the new machine"))
		}
	}
	if p.blocks < 13 {
		t.Errorf("%d blocks were run", p.blocks)
	}
	p.wantRestored()
}

// newPage makes the machines and servers that the page names.
func newPage(t *testing.T) *page {
	t.Helper()
	p := &page{t: t, server: pgtest.Cluster(t, pgtest.Durable()), work: t.TempDir(), orders: make(chan order)}
	if _, err := coursegen.Demo(t.Context(), filepath.Join(p.work, "course.git"), "sha1"); err != nil {
		t.Fatal(err)
	}
	app := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(app.Close)
	p.s = newSiteOn(t, p.server.Database(t)).set("paths.state", program.ShortDir(t), "media.root", filepath.Join(program.ShortDir(t), "media"),
		"edge.upstreams", app.URL)
	p.other = p.s.blank().set("paths.state", program.ShortDir(t))
	for _, dir := range []string{"bin", "backup"} {
		if err := os.Mkdir(filepath.Join(p.work, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	p.replace = strings.NewReplacer("/etc/holdfast", p.s.Dir, "/srv/backup", filepath.Join(p.work, "backup"),
		"https://git.example.edu/courses/physics101.git", filepath.Join(p.work, "course.git"), "http://10.0.0.21:3000", app.URL)
	p.programs()
	p.write("submission.pdf", "%PDF-1.4\n% of a student\n")
	return p
}

// programs puts holdfast, which is this binary, and systemctl, which is this test, where the page's commands find them.
func (p *page) programs() {
	p.t.Helper()
	own, err := os.Executable()
	if err != nil {
		p.t.Fatal(err)
	}
	control := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		verb, unit, _ := strings.Cut(strings.Trim(r.URL.Path, "/"), "/")
		o := order{verb, unit, make(chan struct{})}
		select {
		case p.orders <- o:
			<-o.done
		case <-r.Context().Done():
		}
	}))
	p.t.Cleanup(control.Close)
	p.write("bin/holdfast", "#!/bin/sh\n"+program.ActAs+"=1 exec "+own+" \"$@\"\n")
	p.write("bin/systemctl", "#!/bin/sh\nexec curl --silent --fail "+control.URL+"/$1/$2\n")
}

func (p *page) write(name, text string) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.work, name), []byte(text), 0o700); err != nil { //nolint:gosec // some are programs
		p.t.Fatal(err)
	}
}

// run runs a block, here or on the new machine, and does meanwhile what it asks of systemctl.
func (p *page) run(block string, elsewhere bool) {
	p.t.Helper()
	p.blocks++
	s, r := p.s, p.replace
	if elsewhere {
		s = p.other
	}
	script := r.Replace(block)
	if strings.Contains(script, "10.0.0.5:8000") {
		script = strings.ReplaceAll(script, "http://10.0.0.5:8000", p.nodes[0].edge)
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), program.CallLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-euc", script)
	cmd.Dir, cmd.Env = p.work, append(s.Env(), "PATH="+filepath.Join(p.work, "bin")+":"+os.Getenv("PATH"), "LANG=C.UTF-8", "HOME=/nonexistent")
	type result struct {
		said []byte
		err  error
	}
	ended := make(chan result, 1)
	go func() { // ends with the context at the latest
		said, err := cmd.CombinedOutput()
		ended <- result{said, err}
	}()
	for {
		select {
		case o := <-p.orders:
			p.obey(o)
			close(o.done)
		case end := <-ended:
			if end.err != nil {
				p.t.Fatalf("%v:\n%s\nsaid:\n%s", end.err, script, end.said)
			}
			if elsewhere {
				p.nodes = append(p.nodes, p.other.serve())
			}
			return
		}
	}
}

// obey does what systemctl would.
func (p *page) obey(o order) {
	p.t.Helper()
	switch o.unit {
	case "postgresql":
		p.server.Restart(p.t)
	case "holdfast":
		sites := []*site{p.s, p.other}
		if o.verb == "restart" {
			sites = sites[:1]
		}
		for i, s := range sites {
			if o.verb != "start" {
				p.nodes[i].Signal(syscall.SIGTERM)
				if code := p.nodes[i].Wait(program.StartLimit); code != 0 {
					p.t.Errorf("machine %d ends with %d", i, code)
				}
			}
			if o.verb != "stop" {
				p.nodes[i] = s.serve()
			}
		}
	}
}

// appendConfig writes a block to the end of the configuration.
func (p *page) appendConfig(block string) {
	p.t.Helper()
	path := p.s.Path("holdfast.toml")
	have, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, append(have, "\n"+block...), 0o600)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// wantConfig fails unless a block is a configuration, once its secrets exist.
func (p *page) wantConfig(block string) {
	p.t.Helper()
	dir := program.ShortDir(p.t)
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			p.t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "secrets"), 0o700); err != nil {
		p.t.Fatal(err)
	}
	write("secrets/s3_id", "AKQ7W2E4R6T8Y1U3I5O7")
	write("secrets/s3_key", "q7w2e4r6t8y1u3i5o7p9a2s4d6f8g1h3j5k7l9")
	write("secrets/master_key", "q2w4e6r8t1y3u5i7o9p2a4s6d8f1g3h5")
	write("holdfast.toml", "[files]\nmaster_key_file = \"secrets/master_key\"\n"+
		strings.Replace(block, "[database]\n", "[database]\nname = \"lms\"\nusername = \"lms\"\nsslmode = \"require\"\n", 1))
	if r := program.Finish(p.t, program.Self([]string{"HOLDFAST_CONFIG=" + filepath.Join(dir, "holdfast.toml")}, "config", "render")); r.Code != 0 {
		p.t.Errorf("%s\n%s", block, r.Stderr)
	}
}

// wantRestored looks at what the last blocks must have left.
func (p *page) wantRestored() {
	p.t.Helper()
	back := filepath.Join(p.work, "back.pdf")
	p.s.Must("files", "get", "uploads/2026/submission.pdf", back)
	for _, path := range []string{back, filepath.Join(p.work, "backup/uploads/2026/submission.pdf")} {
		if text, err := os.ReadFile(path); err != nil || !strings.HasPrefix(string(text), "%PDF-1.4") {
			p.t.Errorf("%s: %q, %v", path, text, err)
		}
	}
	if out := p.s.Must("content", "show", "physics101"); !strings.Contains(out, "physics101") || strings.Contains(out, "failed") {
		p.t.Errorf("content show:\n%s", out)
	}
}

// part is text, or an indented block without its indent.
type part struct {
	text  string
	block bool
}

// split takes a page apart. The text of a part that is no block is its last paragraph.
func split(text string) []part {
	var parts []part
	for _, paragraph := range strings.Split(text, "\n\n") {
		line, indented := strings.CutPrefix(paragraph, "    ")
		if !indented {
			parts = append(parts, part{strings.TrimSpace(paragraph), false})
			continue
		}
		block := strings.ReplaceAll(line, "\n    ", "\n") + "\n"
		if last := len(parts) - 1; last >= 0 && parts[last].block {
			parts[last].text += "\n" + block
			continue
		}
		parts = append(parts, part{block, true})
	}
	return parts
}

// blockBelow returns the first block below a heading.
func blockBelow(text, heading string) string {
	_, text, _ = strings.Cut(text, heading)
	for _, p := range split(text) {
		if p.block {
			return p.text
		}
	}
	return ""
}
