package cli

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"holdfast/internal/load"
)

// asked is what a server was asked, without what two load generators may do differently.
type asked struct {
	mu    sync.Mutex // protects the following
	seen  map[string]int
	conns map[string]bool
}

func (a *asked) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // a broken body shows in what was seen
	user, _, _ := r.BasicAuth()
	if r.URL.Path == "/new" {
		r.Header.Del("Content-Type") // net/http forgets it on the way to another address, hey's older one does not
	}
	a.mu.Lock()
	a.seen[fmt.Sprintf("%s %s %s %q type=%s accept=%s encoding=%s x=%s user=%s close=%v", r.Method, r.Host, r.URL, body, r.Header.Get("Content-Type"),
		r.Header.Get("Accept"), r.Header.Get("Accept-Encoding"), r.Header.Get("X-Class"), user, r.Close)]++
	a.conns[r.RemoteAddr] = true
	a.mu.Unlock()
	if r.URL.Path == "/old" {
		http.Redirect(w, r, "/new", http.StatusFound)
		return
	}
	_, _ = io.WriteString(w, "a stylesheet") // the visitor's loss
}

// measure runs a load generator against a server of its own.
func measure(t *testing.T, do func(url string) string) (saw *asked, rows [][]string) {
	t.Helper()
	saw = &asked{seen: map[string]int{}, conns: map[string]bool{}}
	server := httptest.NewServer(saw)
	defer server.Close()
	rows, err := csv.NewReader(strings.NewReader(do(server.URL))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return saw, rows
}

// S3-12: a line written for hey does the same, and its CSV has the same columns, rows and statuses.
func TestBenchHTTPDoesWhatHeyDoes(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("hey"); err != nil {
		t.Fatalf("%v; install it: apt-get install hey", err)
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "body"), "from a file")
	f := func(path string, line ...string) {
		t.Helper()
		line = append(line, "-o", "csv")
		hey, theirs := measure(t, func(url string) string {
			out, err := exec.CommandContext(t.Context(), "hey", append(line, url+path)...).CombinedOutput()
			if err != nil {
				t.Fatalf("hey: %v\n%s", err, out)
			}
			return string(out)
		})
		own, ours := measure(t, func(url string) string {
			r := run([]string{"HOLDFAST_CONFIG=none"}, append(append([]string{"bench", "http"}, line...), url+path)...)
			r.expect(t, 0)
			return r.stdout
		})
		if want, have := withoutPort(hey.seen), withoutPort(own.seen); fmt.Sprint(want) != fmt.Sprint(have) {
			t.Errorf("%q: the server was asked\n%v by us, and by hey\n%v", line, have, want)
		}
		if keeps := !strings.Contains(strings.Join(line, " "), "keepalive"); keeps && len(own.conns) > 5 || !keeps && len(own.conns) != len(hey.conns) {
			t.Errorf("%q: %d connections, hey has %d", line, len(own.conns), len(hey.conns))
		}
		if len(ours) != len(theirs) || strings.Join(ours[0], ",") != strings.Join(theirs[0], ",") {
			t.Fatalf("%q: %d rows of %v, hey has %d of %v", line, len(ours), ours[0], len(theirs), theirs[0])
		}
		for i := range ours {
			if ours[i][6] != theirs[i][6] {
				t.Errorf("%q: status %s, of hey %s", line, ours[i][6], theirs[i][6])
			}
		}
	}
	f("/static/main.css", "-c", "5", "-n", "100", "-disable-keepalive")
	f("/static/main.css?v=1", "-c", "5", "-n", "100")
	f("/", "-c", "2", "-n", "4", "-m", "POST", "-d", "name=x", "-T", "application/x-www-form-urlencoded", "-disable-compression")
	f("/", "-c", "2", "-n", "4", "-m", "PUT", "-D", filepath.Join(dir, "body"), "-A", "text/html", "-H", "X-Class: 7b", "-cpus", "1")
	f("/", "-c", "1", "-n", "2", "-H", "Accept-Encoding: br", "-H", "X-Class: 7b", "-host", "journal.example.com", "-t=5")
	f("/old", "-c", "1", "-n", "2")
	f("/old", "-c", "1", "-n", "2", "-disable-redirects")
}

// withoutPort removes what differs from server to server.
func withoutPort(seen map[string]int) map[string]int {
	all := map[string]int{}
	for what, n := range seen {
		words := strings.Fields(what)
		words[1], _, _ = strings.Cut(words[1], ":")
		all[strings.Join(words, " ")] += n
	}
	return all
}

// hey has the option and does not send it.
func TestBenchHTTPSendsNameAndPassword(t *testing.T) {
	t.Parallel()
	saw, _ := measure(t, func(url string) string {
		return run([]string{"HOLDFAST_CONFIG=none"}, "bench", "http", "-n", "1", "-c", "1", "-o", "csv", "-a", "ann:secret", url).stdout
	})
	if seen := fmt.Sprint(saw.seen); !strings.Contains(seen, "user=ann ") {
		t.Errorf("the server saw %s", seen)
	}
}

func TestBenchHTTPPrintsASummaryForPeopleAndNumbersForPrograms(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(&asked{seen: map[string]int{}, conns: map[string]bool{}})
	defer server.Close()
	env := []string{"HOLDFAST_CONFIG=none"}
	run(env, "bench", "http", "-c", "4", "-n", "102", server.URL).expect(t, 0,
		"Requests/sec:", "Response time histogram:", "  99% in ", "[200]\t102 responses", "DNS+dialup:")
	var rep load.Report
	r := run(env, "bench", "http", server.URL, "-c", "4", "-n", "103", "--json")
	if err := json.Unmarshal([]byte(r.stdout), &rep); err != nil || rep.Answered != 103 || rep.Statuses["200"] != 103 || rep.Bytes != 103*12 {
		t.Errorf("%v: %+v\n%s", err, rep, r.stderr)
	}
}

func TestEveryOptionOfBenchHTTPIsInItsHelp(t *testing.T) {
	t.Parallel()
	new(benchOptions).flags(&app{}).VisitAll(func(f *flag.Flag) {
		if f.Name != "config" && !strings.Contains(benchHTTPHelp, "\n  -"+f.Name+" ") && f.Name != "json" {
			t.Errorf("-%s is not in the help", f.Name)
		}
	})
}

// The end of a run shows what there is, and says that it is not all.
func TestBenchHTTPEndedByASignalPrintsWhatItHas(t *testing.T) {
	t.Parallel()
	ctx, end := context.WithCancel(t.Context())
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if asked++; asked == 3 {
			end()
			<-r.Context().Done()
		}
	}))
	defer server.Close()
	var out, story strings.Builder
	a := &app{stdin: strings.NewReader(""), stdout: &out, stderr: &story, env: []string{"HOLDFAST_CONFIG=none"}}
	root := newRoot(a)
	root.SetArgs([]string{"bench", "http", "-c", "1", "-n", "10", server.URL})
	if code := a.report(root.ExecuteContext(ctx)); code != 130 || !strings.Contains(out.String(), "[200]\t2 responses") {
		t.Errorf("exit %d:\n%s%s", code, &out, &story)
	}
}
