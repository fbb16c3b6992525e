package content

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/internal/coursegen"
	"holdfast/internal/fault"
	"holdfast/internal/secret"
	"holdfast/internal/unit"
)

// hooked returns a course whose hook is the text.
func hooked(t *testing.T, hook string) (*world, *coursegen.Course, *Content, int64) {
	t.Helper()
	w := newWorld(t)
	course := w.course("physics", small(30), func(s *SourceConfig) { s.Hook, s.HookSecret = hook, secret.New("shared-with-the-app") })
	c, _ := w.build()
	return w, course, c, own(t, c)
}

// S4-32: what the application writes and the revision become visible together.
func TestStatementsOfTheHookRunInTheTransactionOfThePublish(t *testing.T) {
	t.Parallel()
	var asked HookRequest
	var visible int
	var c *Content
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		want := fmt.Sprintf("sha256=%x", hookMAC("shared-with-the-app", body))
		if r.Header.Get("X-Hub-Signature-256") != want {
			t.Errorf("signature %q; want %q", r.Header.Get("X-Hub-Signature-256"), want)
		}
		if err := json.Unmarshal(body, &asked); err != nil {
			t.Error(err)
		}
		_ = c.db.QueryRow(r.Context(), "SELECT count(*) FROM public.questions").Scan(&visible)
		_ = json.NewEncoder(w).Encode(HookAnswer{SQL: []HookStatement{
			{
				"INSERT INTO questions (course, number, seen, extra) VALUES ($1, $2, $3, $4)",
				[]any{asked.Source, len(asked.Changes.Added), true, map[string]any{"a": 1}},
			},
			{"INSERT INTO questions (course, number) VALUES ($1, $2)", []any{nil, 7.5}},
		}})
	}))
	defer app.Close()
	_, course, content, token := hooked(t, app.URL)
	c = content
	run(t, c, "CREATE TABLE public.questions (course text, number numeric, seen boolean, extra jsonb)")
	report := syncNow(t, c, token, "physics")
	if asked.Source != "physics" || asked.Seq != 1 || asked.Commit != course.Head || len(asked.Changes.Added) != report.Chunks {
		t.Errorf("the hook was asked %+v", asked)
	}
	if n := count(t, c, "public.questions"); n != 2 || visible != 0 {
		t.Errorf("%d rows, %d while it was asked; want 2 and 0", n, visible)
	}
}

// S4-32: a failing hook publishes nothing, whatever way it fails.
func TestAHookThatFailsPublishesNothing(t *testing.T) {
	t.Parallel()
	answers := map[string]http.HandlerFunc{
		"it says no":   func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "the exam is open", http.StatusConflict) },
		"it redirects": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) },
		"its SQL fails": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"sql": [{"statement": "SELECT 1/0"}]}`)
		},
		"its SQL commits": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"sql": [{"statement": "COMMIT"}]}`)
		},
		"its answer is no JSON": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"sql": [`) },
		"it does not end in time": func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // only then the server sees that the caller is gone
			<-r.Context().Done()
		},
	}
	for what, answer := range answers {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			app := httptest.NewServer(answer)
			defer app.Close()
			w, _, c, token := hooked(t, app.URL)
			c.cfg().HookTimeout = unit.Duration(300 * time.Millisecond)
			_, err := c.sync(t.Context(), token, "physics", usual, quiet)
			if fault.CodeOf(err) != "content_hook" {
				t.Errorf("error %v; want content_hook", err)
			}
			if _, err := c.Current(t.Context(), "physics"); fault.CodeOf(err) != "content_no_revision" {
				t.Errorf("current: %v; want nothing published", err)
			}
			if n := count(t, c, "{s}.content_revisions"); n != 0 {
				t.Errorf("%d revisions are left", n)
			}
			w.cfg.Sources["physics"] = SourceConfig{Git: w.cfg.Sources["physics"].Git}
			if report := syncNow(t, c, token, "physics"); !report.Published || report.Uploaded.Parts != 0 {
				t.Errorf("without the hook: %+v; want it published from what was uploaded", report)
			}
		})
	}
}

func TestACommandIsAHook(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "told")
	_, course, c, token := hooked(t, `test "$HOLDFAST_SOURCE" = physics && cat > '`+out+`'`)
	syncNow(t, c, token, "physics")
	data, err := os.ReadFile(out)
	if err != nil || !strings.Contains(string(data), course.Head) {
		t.Errorf("the command was told %s, %v", data, err)
	}
	commit(t, course, coursegen.OneQuestion)
	cfg := c.cfg().Sources["physics"]
	cfg.Hook = "echo the database is in maintenance >&2; exit 3"
	c.cfg().Sources["physics"] = cfg
	_, err = c.sync(t.Context(), token, "physics", usual, quiet)
	if fault.CodeOf(err) != "content_hook" || !strings.Contains(err.Error(), "the database is in maintenance") {
		t.Errorf("error %v; want what the command said", err)
	}
	cfg.Hook = "sleep 600 & wait"
	c.cfg().Sources["physics"], c.cfg().HookTimeout = cfg, unit.Duration(200*time.Millisecond)
	began := time.Now()
	if _, err := c.sync(t.Context(), token, "physics", usual, quiet); fault.CodeOf(err) != "content_hook" || time.Since(began) > 10*time.Second {
		t.Errorf("after %v: %v; want an end to a command that has none", time.Since(began), err)
	}
	if p, err := c.Current(t.Context(), "physics"); err != nil || p.Seq != 1 {
		t.Errorf("current: %+v, %v", p, err)
	}
}
