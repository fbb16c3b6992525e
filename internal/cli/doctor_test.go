package cli

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/internal/config"
	"holdfast/internal/edge"
	"holdfast/internal/exposure"
	"holdfast/internal/files"
	waits "holdfast/internal/limit"
	"holdfast/internal/postgres"
)

// E-12: who is asked: each host of each application at the edge's own address, each of their servers, and nobody twice.
func TestEveryHostAndEveryServerIsAskedOnce(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	cfg.Edge.Hosts = []string{"school.example", "www.school.example"}
	cfg.Edge.FilesHost = "files.school.example"
	cfg.Edge.Upstreams = []string{"http://127.0.0.1:5000", "unix:/run/app.sock", "http://10.0.0.7:5000"}
	cfg.Edge.Apps = []edge.App{
		{Name: "shop", Path: "/shop/", Upstreams: []string{"http://127.0.0.1:6000"}},
		{Name: "wiki", Hosts: []string{"wiki.example"}, Upstreams: []string{"http://127.0.0.1:5000"}},
	}
	var p exposurePlan
	p.edge(&cfg, "https://[::]:443")
	p.upstreams(&cfg)
	var got []string
	for _, s := range p.options.Sites {
		got = append(got, fmt.Sprintf("%s %s %s %s %d", s.Name, s.Base.String(), s.Network, s.Address, s.Reach))
	}
	want := []string{
		"edge, host school.example https://school.example/ tcp [::1]:443 0",
		"edge, host www.school.example https://www.school.example/ tcp [::1]:443 0",
		"edge, host school.example, /shop/ https://school.example/shop/ tcp [::1]:443 0",
		"edge, host www.school.example, /shop/ https://www.school.example/shop/ tcp [::1]:443 0",
		"edge, host wiki.example https://wiki.example/ tcp [::1]:443 0",
		"edge, host files.school.example https://files.school.example/ tcp [::1]:443 0",
		"server http://127.0.0.1:5000 http://school.example/ tcp 127.0.0.1:5000 2",
		"server unix:/run/app.sock http://school.example/ unix /run/app.sock 2",
		"server http://10.0.0.7:5000 http://school.example/ tcp 10.0.0.7:5000 1",
		"server http://127.0.0.1:6000 http://school.example/shop/ tcp 127.0.0.1:6000 2",
		"server http://127.0.0.1:5000 http://wiki.example/ tcp 127.0.0.1:5000 2", // another host: another application
	}
	if !slices.Equal(got, want) {
		t.Errorf("asked are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	p.upstreams(&cfg)
	if len(p.options.Sites) != len(want) {
		t.Errorf("%d sites after the same again", len(p.options.Sites))
	}
}

func TestSitesBeyondTheBoundAreToldAndNamedOnesAreAsked(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	for i := range maxSites + 3 {
		cfg.Edge.Hosts = append(cfg.Edge.Hosts, fmt.Sprintf("h%d.example", i))
	}
	var p exposurePlan
	p.edge(&cfg, "http://127.0.0.1:8000")
	if len(p.options.Sites) != maxSites || len(p.remarks) != 3 || !strings.Contains(p.remarks[0], "h12.example was left out") {
		t.Errorf("%d sites, remarks %q", len(p.options.Sites), p.remarks)
	}
	u, err := parseSite("https://school.example/portal")
	if err != nil {
		t.Fatal(err)
	}
	p.add(exposure.Site{Name: "named", Base: *u})
	if last := p.options.Sites[len(p.options.Sites)-1]; last.Name != "named" || last.Base.Path != "/portal/" {
		t.Errorf("the last is %+v", last)
	}
}

func TestAListenerIsReachedFromThisMachine(t *testing.T) {
	t.Parallel()
	f := func(at, want string) {
		t.Helper()
		network, address, scheme := whereFromHere(at)
		if got := scheme + " " + network + " " + address; got != want {
			t.Errorf("%s: %q, want %q", at, got, want)
		}
	}
	f("http://127.0.0.1:8000", "http tcp 127.0.0.1:8000")
	f("https://0.0.0.0:443", "https tcp 127.0.0.1:443")
	f("https://[::]:443", "https tcp [::1]:443")
	f("http://:80", "http tcp 127.0.0.1:80")
	f("http://10.0.0.3:80", "http tcp 10.0.0.3:80")
	f("http:///run/edge.sock", "http unix /run/edge.sock")
	f("", "  ")
}

func TestFilesWhosePathsMeanSomethingElseAreNotAskedFor(t *testing.T) {
	t.Parallel()
	var p exposurePlan
	p.files([]files.ObjectInfo{{Key: "../etc/passwd"}, {Key: "a//b"}, {Key: "line\nend"}, {Key: "dir/"}, {Key: "ä b.pdf"}, {Key: "c"}, {Key: "d"}})
	var got []string
	for _, o := range p.options.Objects {
		got = append(got, o.Key)
	}
	if !slices.Equal(got, []string{"ä b.pdf", "c"}) {
		t.Errorf("asked for %q", got)
	}
}

func TestAnAddressThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"school.example", "ftp://x", "https://", "https://u:p@school.example", "https://school.example/?a", "https://x/#y"} {
		if _, err := parseSite(text); err == nil || exitCode(err) != 2 {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// S0-12: what a class leaves open is what the server says, and a lock is bounded by its statement.
func TestWhatIsLeftToTheServerIsWhatItSays(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	f := func(w waits.Wait, server []postgres.ServerLimit, ends bool, want string) {
		t.Helper()
		row := rowOf(&cfg, w).decided(server, ends)
		if got := fmt.Sprintf("%s %s %t %s", row.Kind, row.Limit, row.written, row.setting()); got != want {
			t.Errorf("%s of %+v: %q, want %q", w.By, server, got, want)
		}
	}
	statement := waits.After("an answer", "", 0, "57014").OrTheirs("statement_timeout")
	lock := waits.After("a lock", "", 0, "55P03").OrTheirs("lock_timeout")
	says := func(name string, d time.Duration, source, place string) []postgres.ServerLimit {
		return []postgres.ServerLimit{{Name: "another", For: time.Hour}, {Name: name, For: d, Source: source, Place: place}}
	}
	f(statement, nil, false, "theirs not ours false statement_timeout")
	f(statement, says("statement_timeout", 90*time.Second, "user", ""), false, "theirs 1m30s true -: PostgreSQL, user")
	f(statement, says("statement_timeout", 0, "default", ""), false, "endless never false -: PostgreSQL, default")
	f(statement, says("statement_timeout", 0, "configuration file", "/etc/pg.conf:7"), false, "endless never true -: PostgreSQL, /etc/pg.conf:7")
	f(lock, says("lock_timeout", 0, "default", ""), false, "endless never false -: PostgreSQL, default")
	f(lock, says("lock_timeout", 0, "default", ""), true, "by_parts in parts false statement_timeout")
}

// S0-12: a wait without an end is a finding with the setting that would bound it, or a remark with the place where it is written.
func TestWaitsWithoutAnEndAreFoundOnce(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	cfg.Database.Username = "journal"
	server := func(name, where, source string, written bool) limitRow {
		return limitRow{Name: "x", Where: where, Kind: string(waits.Endless), By: name, Origin: "PostgreSQL, " + source, written: written}
	}
	found, remarks := withoutEnd(&cfg, limitsAnswer{Limits: []limitRow{
		server("statement_timeout", "people without a class", "default", false),
		server("lock_timeout", "people without a class", "default", false),
		server("statement_timeout", "class reports", "default", false),
		server("idle_in_transaction_session_timeout", "class reports", "user", true),
		{Name: "a peer", Where: "all endpoints", Key: "database.keepalive", Kind: string(waits.Endless), Origin: "holdfast.toml:9", written: true},
		{Name: "a thing", Where: "there", Key: "x.y", Kind: string(waits.Endless), Origin: "default"},
		{Name: "fine", Kind: string(waits.Bounded)},
	}})
	if len(found) != 2 || len(remarks) != 2 {
		t.Fatalf("found %+v, remarks %q", found, remarks)
	}
	f := found[0]
	if f.Subject != "statement_timeout" || !strings.Contains(f.Text, "0 for the role journal (default)") || !strings.Contains(f.Text, "people without a class, class reports") {
		t.Errorf("%+v", f)
	}
	for _, words := range []string{`statement_timeout = "30s" into [database.limits.reports]`, "ALTER ROLE journal SET statement_timeout = '30s'"} {
		if !strings.Contains(f.Hint, words) {
			t.Errorf("the hint %q does not say %q", f.Hint, words)
		}
	}
	if found[1].Hint != "set x.y" {
		t.Errorf("%+v", found[1])
	}
	if remarks[0] != "x (class reports): no limit, written so in PostgreSQL, user" || remarks[1] != "a peer (all endpoints): no limit, written so in holdfast.toml:9" {
		t.Errorf("remarks %q", remarks)
	}
}
