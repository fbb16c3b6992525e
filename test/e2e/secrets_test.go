package e2e_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/internal/pgtest"
	"holdfast/internal/s3test"
	"holdfast/test/program"
)

// hunt collects secrets, and everything that was said where none of them may be found.
type hunt struct {
	t       *testing.T
	secrets map[string]string
	said    map[string]string
}

func newHunt(t *testing.T) *hunt {
	return &hunt{t: t, secrets: map[string]string{}, said: map[string]string{}}
}

func (h *hunt) secret(name, value string) {
	h.t.Helper()
	if len(value) < 8 {
		h.t.Fatalf("%s is %q, which is no secret", name, value)
	}
	h.secrets[name] = value
}

func (h *hunt) secretFile(path string) {
	h.t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		h.t.Fatal(err)
	}
	h.secret(filepath.Base(path), strings.TrimSpace(string(text)))
}

func (h *hunt) hear(where, text string) { h.said[where] += text }

// run hears what a command says, whether it goes well or not.
func (h *hunt) run(s *site, args ...string) result {
	h.t.Helper()
	r := s.Run(args...)
	h.hear("holdfast "+strings.Join(args, " "), r.Stdout+r.Stderr)
	return r
}

// page hears an answer of the admin listener.
func (h *hunt) page(n *node, method, path, token string) {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), method, n.admin+path, strings.NewReader("{}"))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Close = true
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || token != "" && res.StatusCode != http.StatusOK || token == "" && res.StatusCode == http.StatusOK {
		h.t.Errorf("%s %s: status %d, %v", method, path, res.StatusCode, err)
	}
	h.hear(path, string(body)+fmt.Sprint(res.Header))
}

// process hears what a process writes and what everybody on the machine can see of it and of those that it started.
func (h *hunt) process(p *process) {
	h.t.Helper()
	for _, pid := range append(descendants(h.t, p.PID), p.PID) {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err != nil {
			h.t.Fatal(err)
		}
		h.hear("command line of a process", string(line))
	}
	p.Kill()
	h.hear("log of "+fmt.Sprint(p.PID), p.Err.String())
	h.hear("standard output of serve", p.Out.String())
}

// search fails for every secret that was said, in every spelling that an encoder may give it.
func (h *hunt) search() {
	h.t.Helper()
	bytes := 0
	for where, text := range h.said {
		bytes += len(text)
		for name, value := range h.secrets {
			if at := find(h.t, text, value); at >= 0 {
				h.t.Errorf("%s is shown by %s: …%s…", name, where, text[max(0, at-100):min(len(text), at+len(value)+20)])
			}
		}
	}
	h.t.Logf("%d secrets, %d places, %d KB", len(h.secrets), len(h.said), bytes>>10)
}

// find returns where a secret stands in a text, or -1.
func find(t *testing.T, text, value string) int {
	t.Helper()
	quoted, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{
		value, url.QueryEscape(value), url.PathEscape(value), strings.Trim(string(quoted), `"`),
		base64.StdEncoding.EncodeToString([]byte(value)),
	} {
		if at := strings.Index(text, form); at >= 0 {
			return at
		}
	}
	return -1
}

func TestTheHuntFindsASecretInEverySpelling(t *testing.T) {
	t.Parallel()
	const secret = "p w'\"$&%/:@ä"
	for _, text := range []string{
		"x p w'\"$&%/:@ä", "x=p+w%27%22%24%26%25%2F%3A%40%C3%A4", `{"x":"p w'\"$\u0026%/:@ä"}`, "cCB3JyIkJiUvOkDDpA==",
	} {
		if find(t, text, secret) < 0 {
			t.Errorf("not found in %s", text)
		}
	}
	if find(t, "pw'$&%/:@", secret) >= 0 {
		t.Error("found where it is not")
	}
}

// S0-46, E-28: with somebody else's database and store, and the log at its most talkative, no command, answer, log or
// page shows a secret, whether things go well or not; only those commands print secrets whose purpose it is.
func TestNoSecretIsShownWithADatabaseAndAStoreOfSomebodyElse(t *testing.T) {
	t.Parallel()
	h := newHunt(t)
	h.secret("database password", "p w'\"$&%/:@ä-of-the-database")
	pg := pgtest.Cluster(t, pgtest.TCP(), pgtest.HBA("host all all 127.0.0.1/32 scram-sha-256"))
	db := pg.Database(t)
	pg.Exec(t, "CREATE ROLE journal LOGIN PASSWORD 'p w''\"$&%/:@ä-of-the-database'", "GRANT ALL ON DATABASE "+db.Name+" TO journal")
	peer := s3test.Versitygw(t)
	h.secret("store's secret key", peer.SecretKey)

	site := attachedSite(t, h, pg.TCPURL(db.Name, "journal", h.secrets["database password"]))
	site.set("storage.s3.enabled", "true", "storage.s3.endpoint_url", peer.URL, "storage.s3.bucket_name", "holdfast",
		"storage.s3.region", peer.Region, "storage.s3.access_key_id", peer.AccessKey, "storage.s3.secret_key_file", site.Path("secrets/s3"))
	if err := os.WriteFile(site.Path("secrets/s3"), []byte(peer.SecretKey), 0o600); err != nil {
		t.Fatal(err)
	}
	h.run(site, "check", "--create")
	n := site.serve()
	h.everyday(n)
	h.misfortunes(n, pg, peer)
	h.process(n.process)
	h.mistakes(site, pg, db.Name)
	h.search()
}

// attachedSite is what init makes of a DATABASE_URL.
func attachedSite(t *testing.T, h *hunt, databaseURL string) *site {
	t.Helper()
	s := (&site{program.NewSite(t, databaseURL)}).set("log.level", "debug")
	h.hear("init", s.Init.Stdout+s.Init.Stderr)
	h.secretFile(s.Path("secrets/master_key"))
	h.secretFile(s.Path("secrets/admin_token"))
	return s
}

// everyday uses everything as people do.
func (h *hunt) everyday(n *node) {
	h.t.Helper()
	s := n.site
	h.run(s, "files", "bucket", "create", "papers")
	key := s.newKey()
	h.secret("access key", key.Secret)
	rotated := ask[credential](s, "files", "key", "rotate", key.ID)
	h.secret("rotated access key", rotated.Secret)
	h.secret("link key", linkSecret(h.t, s, "show"))
	h.secret("rotated link key", linkSecret(h.t, s, "rotate"))
	env := ask[map[string]string](s, "env")
	h.secret("application's key", env["AWS_SECRET_ACCESS_KEY"])
	for _, name := range []string{"master_key", "admin_token"} {
		if strings.Contains(fmt.Sprint(env), h.secrets[name]) {
			h.t.Errorf("env shows %s", name)
		}
	}
	c := n.client(key)
	c.put("papers", "one", "text")
	link := n.link("papers/one")
	h.secret("signed link", strings.TrimPrefix(link, n.edge))
	_ = wantStatus(link, 200)
	_ = wantStatus(link[:len(link)-12]+"altered/one", 403)
	presigned, err := c.PresignedGetObject(h.t.Context(), "papers", "one", time.Minute, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	h.secret("presigned request", presigned.Query().Get("X-Amz-Signature"))
	_ = wantStatus(presigned.String(), 200)
	_, _ = n.client(credential{key.ID, "wrong-secret-of-a-client"}).get("papers", "one")
	for _, args := range [][]string{
		{"status"},
		{"status", "--json"},
		{"check"},
		{"paths"},
		{"config", "render"},
		{"config", "render", "--json"},
		{"logs"},
		{"files", "ls"},
		{"files", "ls", "papers", "--json"},
		{"files", "stat", "papers/one", "--json"},
		{"files", "key", "list", "--json"},
		{"files", "linkkey", "list", "papers", "--json"},
		{"files", "bucket", "show", "papers", "--json"},
		{"files", "put", s.Path("holdfast.toml"), "papers/two"},
		{"files", "get", "papers/none", "-"},
		{"files", "key", "revoke", "HFNOSUCHKEY"},
		{"files", "linkkey", "revoke", "nosuchkey"},
	} {
		h.run(s, args...)
	}
	token := h.secrets["admin_token"]
	for _, path := range []string{"/", "/status.json", "/metrics", "/v1/logs"} {
		h.page(n, http.MethodGet, path, token)
	}
	h.page(n, http.MethodPost, "/v1/status", token)
	h.page(n, http.MethodGet, "/login/guessed", "")
	h.page(n, http.MethodGet, "/", "")
}

// linkSecret returns the secret part of a signing key.
func linkSecret(t *testing.T, s *site, verb string) string {
	t.Helper()
	text := ask[struct{ Text string }](s, "files", "linkkey", verb, "papers").Text
	parts := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(".:/ ", r) })
	longest := ""
	for _, p := range parts {
		if len(p) > len(longest) {
			longest = p
		}
	}
	return longest
}

// misfortunes are what happens to a process that runs.
func (h *hunt) misfortunes(n *node, pg *pgtest.PG, peer *s3test.Server) {
	h.t.Helper()
	c := n.client(credential{"HFNOSUCHKEY000000000", "secret-of-nobody"})
	for _, inject := range []func(http.ResponseWriter, *http.Request) bool{s3test.Cut, s3test.Unavailable} {
		peer.Inject(inject)
		_, _ = c.get("papers", "one")
		h.run(n.site, "files", "put", n.site.Path("holdfast.toml"), "papers/three")
		h.run(n.site, "status")
	}
	peer.Inject(nil)
	pg.Stop(h.t)
	h.run(n.site, "status")
	h.run(n.site, "files", "ls")
	h.run(n.site, "check")
	pg.Start(h.t)
}

// mistakes keep a process from starting.
func (h *hunt) mistakes(s *site, pg *pgtest.PG, database string) {
	h.t.Helper()
	h.secret("mistaken password", "mistaken-pw-8c3v")
	h.secret("mistaken store key", "mistaken-key-5t2n")
	h.secret("mistaken token", "mistaken-token")
	for name, change := range map[string][]string{
		"password":  {"database.password", "mistaken-pw-8c3v", "database.password_file", ""},
		"store key": {"storage.s3.secret_key", "mistaken-key-5t2n", "storage.s3.secret_key_file", ""},
		"token":     {"admin.token", "mistaken-token", "admin.token_file", ""},
		"place":     {"database.passwort", "mistaken-pw-8c3v"},
		"type":      {"database.port", "mistaken-pw-8c3v"},
	} {
		wrong := s.twin().set(change...)
		if name == "type" {
			wrong = s.twin().set("files.master_key", "mistaken-token", "edge.listen", "nonsense")
		}
		p := program.Launch(h.t, program.Self(wrong.Env(), "serve"))
		if p.Wait(program.StartLimit) == 0 {
			h.t.Errorf("with a mistaken %s it starts", name)
		}
		h.hear("serve with a mistaken "+name, p.Err.String())
		h.run(wrong, "check")
		h.run(wrong, "config", "render")
	}
	for _, u := range []string{
		pg.TCPURL(database, "journal", "mistaken-pw-8c3v") + "?sslmode=nonsense", "postgresql://journal:mistaken-pw-8c3v@host:port/x",
		"postgresql://journal:mistaken-pw-8c3v@[::1/x", "host=x password=mistaken-pw-8c3v",
	} {
		r := program.Finish(h.t, program.Self([]string{"DATABASE_URL=" + u}, "init", "--dir", program.ShortDir(h.t)))
		h.hear("init with "+strings.ReplaceAll(u, "mistaken-pw-8c3v", "…"), r.Stdout+r.Stderr)
	}
}

// The same with a PostgreSQL of our own, whose passwords Holdfast makes itself.
func TestNoSecretIsShownWithADatabaseOfOurOwn(t *testing.T) {
	t.Parallel()
	h := newHunt(t)
	site := newSite(t, nil).set("log.level", "debug")
	h.secretFile(site.Path("secrets/master_key"))
	h.secretFile(site.Path("secrets/admin_token"))
	n := site.serve()
	h.secretFile(site.Path("data/secrets/postgres-app"))
	h.secretFile(site.Path("data/secrets/postgres-superuser"))
	h.everyday(n)
	h.process(n.process)
	h.search()
}
