package e2e_test

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/pgtest"
)

// soon is what issue and ledger promise: a change made by one process holds on every other within a second.
const soon = time.Second

// pair is two processes on one store and one database.
type pair struct {
	a, b   *node
	ca, cb *client
	key    credential
}

func newPair(t *testing.T) *pair {
	t.Helper()
	site := newSite(t, pgtest.Database(t))
	twin := site.twin()
	p := &pair{a: site.begin(), b: twin.begin()} // at once: they find an empty database and an empty store
	p.a.ready()
	p.b.ready()
	p.key = site.newKey()
	site.Must("files", "bucket", "create", "papers")
	p.ca, p.cb = p.a.client(p.key), p.b.client(p.key)
	return p
}

// S0-38: any node serves any object and verifies any token at once.
func TestTwoProcessesOnOneStoreAndOneDatabase(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	t.Run("what one has acknowledged the other serves at once", p.putThroughOneGetThroughTheOther)
	t.Run("a link made by one is good on the other", p.linkOfTheOther)
	t.Run("a link dies on the other within a second when its file is replaced or deleted", p.linkDies)
	t.Run("a link dies on the other within a second when its key is revoked", p.linkKeyRevoked)
	t.Run("an access key revoked on one is refused by the other within a second", p.accessKeyRevoked)
	t.Run("one goes on when the other is killed", p.killOne)
}

// putThroughOneGetThroughTheOther has no time to wait for anything: the answer to the put is the moment to get.
func (p *pair) putThroughOneGetThroughTheOther(t *testing.T) {
	var all sync.WaitGroup
	for writer := range 4 {
		all.Go(func() {
			from, to := p.ca, p.cb
			if writer%2 == 1 {
				from, to = p.cb, p.ca
			}
			for i := range 15 {
				key, text := fmt.Sprintf("w%d/%d", writer, i%3), fmt.Sprintf("text %d of %d", i, writer)
				if err := from.tryPut("papers", key, text); err != nil {
					t.Errorf("put: %v", err)
				}
				if got, err := to.get("papers", key); got != text {
					t.Errorf("%s through the other: %q, %v, want %q", key, got, err, text)
				}
			}
		})
	}
	all.Wait()
}

func (p *pair) linkOfTheOther(t *testing.T) {
	p.ca.put("papers", "linked", "by link")
	url := strings.Replace(p.a.link("papers/linked"), p.a.edge, p.b.edge, 1)
	if status, _, body := fetch(t, url); status != 200 || body != "by link" {
		t.Errorf("link of the other: status %d, %q", status, body)
	}
}

func (p *pair) linkDies(t *testing.T) {
	for name, end := range map[string]func(){
		"replaced": func() { p.ca.put("papers", "replaced", "second") },
		"deleted":  func() { p.a.site.Must("files", "rm", "papers/deleted") },
	} {
		p.cb.put("papers", name, "first")
		url := p.b.link("papers/" + name)
		if err := wantStatus(url, 200); err != nil {
			t.Fatal(err)
		}
		end()
		lifecycletest.Eventually(t, soon, func() error { return wantStatus(url, 403) })
	}
}

// linkKeyRevoked ends the links of a key in each way there is, on one process, and asks the other. No link of another bucket dies.
func (p *pair) linkKeyRevoked(t *testing.T) {
	site := p.a.site
	site.Must("files", "bucket", "create", "letters")
	p.ca.put("papers", "by-key", "first")
	p.ca.put("letters", "by-key", "second")
	elsewhere := p.b.link("letters/by-key")
	for name, revoke := range map[string]func(){
		"rotated without an overlap": func() { site.Must("files", "linkkey", "rotate", "papers", "--overlap", "0s") },
		"revoked while it signs":     func() { site.Must("files", "linkkey", "revoke", p.signingKey("papers")) },
		"revoked while it verifies": func() {
			old := p.signingKey("papers")
			site.Must("files", "linkkey", "rotate", "papers")
			site.Must("files", "linkkey", "revoke", old)
		},
		"revoked with all of its bucket": func() { site.Must("files", "linkkey", "revoke", "--all", "papers") },
	} {
		url := p.b.link("papers/by-key")
		if err := wantStatus(url, 200); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		revoke()
		lifecycletest.Eventually(t, soon, func() error {
			if err := wantStatus(url, 403); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			return nil
		})
		for _, n := range []*node{p.a, p.b} {
			if err := wantStatus(n.link("papers/by-key"), 200); err != nil {
				t.Errorf("%s: link by the new key: %v", name, err)
			}
		}
	}
	if err := wantStatus(elsewhere, 200); err != nil {
		t.Errorf("link of another bucket: %v", err)
	}
}

// signingKey returns the id of the key that signs links to a bucket.
func (p *pair) signingKey(bucket string) string {
	p.a.T.Helper()
	answer := ask[struct {
		Keys []struct {
			ID      string
			Signs   bool
			Revoked *time.Time
		}
	}](p.a.site, "files", "linkkey", "list", bucket)
	for _, k := range answer.Keys {
		if k.Signs && k.Revoked == nil {
			return k.ID
		}
	}
	p.a.T.Fatalf("no key signs: %+v", answer)
	return ""
}

func (p *pair) accessKeyRevoked(t *testing.T) {
	doomed := p.a.site.newKey()
	other := p.b.client(doomed)
	if err := other.tryPut("papers", "doomed", "x"); err != nil {
		t.Fatalf("with the new key, at once: %v", err)
	}
	p.a.site.Must("files", "key", "revoke", doomed.ID)
	lifecycletest.Eventually(t, soon, func() error {
		err := other.tryPut("papers", "doomed", "y")
		if code, status := code(err); status != 403 || code != "InvalidAccessKeyId" {
			return fmt.Errorf("with the revoked key: %w", err)
		}
		return nil
	})
}

func (p *pair) killOne(t *testing.T) {
	p.ca.put("papers", "last", "of the killed one")
	url := strings.Replace(p.a.link("papers/last"), p.a.edge, p.b.edge, 1)
	p.a.Kill()
	began := time.Now()
	p.cb.want("papers", "last", "of the killed one")
	if status, _, body := fetch(t, url); status != 200 || body != "of the killed one" {
		t.Errorf("link of the killed one: status %d, %q", status, body)
	}
	p.cb.put("papers", "last", "written without it")
	lifecycletest.Eventually(t, soon, func() error { return wantStatus(url, 403) })
	if took := time.Since(began); took > 3*soon {
		t.Errorf("going on took %s", took)
	}
	again := p.a.site.serve()
	again.client(p.key).want("papers", "last", "written without it")
}

// S0-38, S0-33: a process whose store is not that of the database does not start, and neither does one that finds an
// empty directory where the files should be.
func TestAProcessWithAnotherStoreDoesNotStart(t *testing.T) {
	t.Parallel()
	site := newSite(t, pgtest.Database(t))
	site.serve()
	other := newSite(t, pgtest.Database(t))
	other.serve()

	wrong := site.twin().set("media.root", other.Path("data/media"))
	wrong.refused(3, "is not the store of this database", site.Path("data/media"), "hint: every machine must use the same store")

	empty := site.twin()
	empty.set("media.root", empty.Path("empty"))
	if err := os.Mkdir(empty.Path("empty"), 0o700); err != nil {
		t.Fatal(err)
	}
	empty.refused(7, "holds no store", "first at "+site.Path("data/media"), "hint: Mount the file system")
	if left, err := os.ReadDir(empty.Path("empty")); err != nil || len(left) != 0 {
		t.Errorf("left in the empty directory: %v, %v", left, err)
	}
	// The files moved, as after a new disk: the id goes with them, and nothing has to be said.
	if err := os.Rename(other.Path("data/media"), other.Path("moved")); err != nil {
		t.Fatal(err)
	}
	other.twin().set("media.root", other.Path("moved")).serve()
}

// S0-38, S0-46: a process with another master key than the database's does not start, and says so.
func TestAProcessWithAnotherMasterKeyDoesNotStart(t *testing.T) {
	t.Parallel()
	site := newSite(t, pgtest.Database(t))
	site.serve()
	site.newKey()
	other := site.twin()
	if err := os.WriteFile(other.Path("secrets/master_key"), []byte("another-master-key-of-another-site"), 0o600); err != nil {
		t.Fatal(err)
	}
	other.refused(3, "master_key", "hint: ")
}

// S0-02: a role that may sign links in SQL and is not there is told with the setting that names it.
func TestARoleThatMaySignAndIsNotThereIsTold(t *testing.T) {
	t.Parallel()
	newSite(t, pgtest.Database(t)).set("files.sql_signers", "nobody_has_this_name").
		refused(3, "nobody_has_this_name", "hint: create the role, or remove it from files.sql_signers")
}
