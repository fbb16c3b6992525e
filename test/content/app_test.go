package content_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/content"
	"holdfast/internal/control"
	"holdfast/internal/treecache"
	"holdfast/test/program"
)

// appOrder says what an application does: it renders questions, as many as each line of its standard input says, until that
// ends.
type appOrder struct {
	Socket    string
	Views     string // <cache>/content/views
	Questions []string
	Seed      uint64
}

// appReport is what it says at its end.
type appReport struct {
	Renders, Hot, Missed, Socket, Old, Cold, Long int
	Revisions                                     int
	Wrong                                         []string
}

// app is an application on one machine, as the documentation tells to write it.
type app struct {
	appOrder
	client *control.Client
	random *rand.Rand
	report appReport
	last   string            // the revision that it knows to be current
	known  []string          // all that it has seen
	stamps map[string]string // what each revision is stamped with
	held   *longRender
}

// beApp is the body of an application's process. It returns the exit code.
func beApp(text string) int {
	var o appOrder
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	a := &app{appOrder: o, client: control.NewClient(o.Socket), random: rand.New(rand.NewPCG(o.Seed, 1)), stamps: map[string]string{}}
	defer a.client.Close()
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		for n, _ := strconv.Atoi(lines.Text()); n > 0 && len(a.report.Wrong) < 5; n-- {
			a.render()
		}
	}
	a.endLong()
	a.report.Revisions = len(a.stamps)
	_ = json.NewEncoder(os.Stdout).Encode(a.report)
	return 0
}

func (a *app) wrong(format string, args ...any) {
	a.report.Wrong = append(a.report.Wrong, fmt.Sprintf(format, args...))
}

// render reads one question with all that it needs: by the lock file where it can, else through the socket.
func (a *app) render() {
	a.report.Renders++
	q := a.Questions[a.random.IntN(len(a.Questions))]
	switch k := a.random.IntN(100); {
	case k < 2 && a.held == nil:
		a.beginLong(q)
	case k < 20 && len(a.known) > 0:
		a.report.Old++
		a.renderByPath(q, a.known[a.random.IntN(len(a.known))])
	case k < 70 && a.last != "":
		a.renderByPath(q, a.last)
	default:
		a.renderBySocket(q)
	}
	if a.held != nil && a.report.Renders > a.held.until {
		a.endLong()
	}
}

func (a *app) ensure(q, revision, lease string) (content.EnsureAnswer, bool) {
	ctx, cancel := context.WithTimeout(context.Background(), program.CallLimit)
	defer cancel()
	answer, err := control.Call[content.EnsureAnswer](ctx, a.client, "/v1/content/ensure", content.EnsureRequest{
		Source: "course", Revision: revision, Want: []string{"render:" + q}, Lease: lease,
	})
	if err != nil {
		a.wrong("ensure %s of %q: %v", q, revision, err)
		return answer, false
	}
	if len(answer.Cold) > 0 {
		a.report.Cold++
	}
	return answer, true
}

// renderBySocket asks what is current, and uses the files under a lease.
func (a *app) renderBySocket(q string) {
	a.report.Socket++
	answer, ok := a.ensure(q, "", content.LeaseTTL)
	if !ok {
		return
	}
	a.last = answer.Revision
	a.use(answer.Dir, answer.Revision, q)
	if _, err := control.Call[content.LeaseAnswer](context.Background(), a.client, "/v1/content/release", content.LeaseRequest{Lease: answer.Lease}); err != nil {
		a.wrong("release: %v", err)
	}
}

// renderByPath is the hot path: lock, look for the markers, and ask only when one is missing.
func (a *app) renderByPath(q, revision string) {
	dir := filepath.Join(a.Views, "course", revision)
	need := []string{"question:" + q, "elements", "serverFilesCourse", "clientFilesCourse"}
	for attempt := range 200 {
		if lock := lockView(dir, need); lock != nil {
			if attempt == 0 {
				a.report.Hot++
			}
			a.use(dir, revision, q)
			lock.Close()
			return
		}
		a.report.Missed++
		if _, ok := a.ensure(q, revision, content.LeaseNone); !ok {
			return
		}
	}
	a.wrong("the files of %s in %s were gone 200 times after ensure", q, revision)
}

// lockView returns the locked lease file if the view shows all the chunks, else nil.
func lockView(dir string, keys []string) *os.File {
	path := filepath.Join(dir, ".lease")
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	if syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) == nil && linked(f, path) && shown(dir, keys) {
		return f
	}
	f.Close()
	return nil
}

// linked reports whether the file that is locked is the one that is there.
func linked(f *os.File, path string) bool {
	ours, err := f.Stat()
	there, errThere := os.Stat(path)
	return err == nil && errThere == nil && os.SameFile(ours, there)
}

func shown(dir string, keys []string) bool {
	for _, key := range keys {
		if _, err := os.Stat(filepath.Join(dir, ".holdfast", treecache.MarkerName(key))); err != nil {
			return false
		}
	}
	return true
}

// use reads what a render reads. All of it must be there, and of one revision.
func (a *app) use(dir, revision, q string) {
	question := filepath.Join(dir, "questions", q)
	want, known := a.stamps[revision]
	for _, at := range []string{
		filepath.Join(question, "stamp.txt"), filepath.Join(dir, "elements/race/stamp.txt"),
		filepath.Join(dir, "serverFilesCourse/race/stamp.txt"), filepath.Join(dir, "clientFilesCourse/stamp.txt"),
	} {
		text, err := os.ReadFile(at)
		if err != nil {
			a.wrong("render of %s, revision %s: %v", q, revision, err)
			return
		}
		if !known {
			want, known = string(text), true
			a.stamps[revision], a.known = want, append(a.known, revision)
		}
		if string(text) != want {
			a.wrong("%s says %s, the revision is %s", at, text, want)
		}
	}
	a.useAll(question, want)
}

// useAll reads every file of a question. One of them has the stamp in its name.
func (a *app) useAll(question, stamp string) {
	names, err := os.ReadDir(question)
	if err != nil {
		a.wrong("%v", err)
		return
	}
	only := []string{}
	for _, e := range names {
		if strings.HasPrefix(e.Name(), "only-") {
			only = append(only, e.Name())
		}
		if e.IsDir() {
			continue
		}
		data, err := os.ReadFile(filepath.Join(question, e.Name()))
		if err != nil {
			a.wrong("%v", err)
		}
		if e.Name() == "filler.txt" && string(data) != filler(stamp) {
			a.wrong("%s/%s is not that of %s", question, e.Name(), stamp)
		}
	}
	if !slices.Equal(only, []string{"only-" + stamp}) {
		a.wrong("%s has %q, its stamp is %s", question, only, stamp)
	}
}

// filler is a text that only one revision has.
func filler(stamp string) string { return strings.Repeat(stamp+" of this revision alone\n", 300) }

// longRender keeps its files while others come and go.
type longRender struct {
	answer content.EnsureAnswer
	q      string
	until  int
	f      *os.File
}

func (a *app) beginLong(q string) {
	answer, ok := a.ensure(q, "", content.LeaseTTL)
	if !ok {
		return
	}
	a.report.Long++
	f, err := os.Open(filepath.Join(answer.Dir, "questions", q, "filler.txt"))
	if err != nil {
		a.wrong("long render: %v", err)
		return
	}
	a.held = &longRender{answer, q, a.report.Renders + 20, f}
}

func (a *app) endLong() {
	h := a.held
	if h == nil {
		return
	}
	a.held = nil
	a.use(h.answer.Dir, h.answer.Revision, h.q)
	if data, err := io.ReadAll(h.f); err != nil || string(data) != filler(a.stamps[h.answer.Revision]) {
		a.wrong("a file that was open all the time has %d bytes, %v", len(data), err)
	}
	h.f.Close()
	if r, err := control.Call[content.LeaseAnswer](context.Background(), a.client, "/v1/content/release", content.LeaseRequest{Lease: h.answer.Lease}); err != nil || !r.Held {
		a.wrong("release after a long render: %+v, %v", r, err)
	}
}

// startedApp is an application that runs.
type startedApp struct {
	t      testing.TB
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
}

// startApp starts an application's process. It ends with the test.
func startApp(t testing.TB, o appOrder) *startedApp {
	t.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = []string{actAsApp + "=" + string(text)}
	cmd.Stderr = t.Output()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	return &startedApp{t, cmd, stdin, bufio.NewReader(stdout)}
}

// let lets it render n times more.
func (s *startedApp) let(n int) {
	s.t.Helper()
	if _, err := fmt.Fprintln(s.stdin, n); err != nil {
		s.t.Fatalf("the application is gone: %v", err)
	}
}

// finish lets it end and returns its report.
func (s *startedApp) finish(limit time.Duration) (r appReport) {
	s.t.Helper()
	s.stdin.Close()
	late := time.AfterFunc(limit, func() { _ = s.cmd.Process.Kill() })
	defer late.Stop()
	if err := json.NewDecoder(s.stdout).Decode(&r); err != nil {
		s.t.Fatalf("the application has not reported within %s: %v", limit, err)
	}
	if err := s.cmd.Wait(); err != nil {
		s.t.Errorf("the application ended with %v", err)
	}
	for _, w := range r.Wrong {
		s.t.Errorf("application %d: %s", s.cmd.Process.Pid, w)
	}
	return r
}
