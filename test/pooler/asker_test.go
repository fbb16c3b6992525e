package pooler_test

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"holdfast/internal/pgwire"
)

// asker is one connection of a client.
type asker struct {
	*chaos
	r            *rand.Rand
	id, endpoint int
	w            *wire
	serial       *int
	names        map[string]string // prepared statements, and what each says
	doing        string
}

// nonce returns what no other answer contains.
func (a *asker) nonce() string {
	*a.serial++
	return fmt.Sprintf("<%d:%d:%x>", a.id, *a.serial, a.r.Uint32())
}

// something does one of the things that clients do.
func (a *asker) something() error {
	all := []struct {
		name string
		do   func() error
	}{
		{"simple", a.simple},
		{"simple", a.simple},
		{"extended", a.extended},
		{"extended", a.extended},
		{"prepared", a.prepared},
		{"prepared", a.prepared},
		{"pipeline", a.pipeline},
		{"pipeline", a.pipeline},
		{"transaction", a.transaction},
		{"copy out", a.copyOut},
		{"copy in", a.copyIn},
		{"slow", a.slow},
		{"cancel", a.cancel},
		{"setting", a.setting},
		{"large", a.large},
		{"leave", a.leave},
		{"nonsense", a.nonsense},
	}
	what := all[a.r.IntN(len(all))]
	a.doing = what.name
	return what.do()
}

// read reads one answer and compares it; refusals of the pool are answers, too.
func (a *asker) read(want string, codes ...string) error {
	got, err := a.w.answer()
	if err != nil {
		return err
	}
	a.answers[a.endpoint].Add(1)
	if got.code == "53300" || got.code == "57P03" {
		a.refused.Add(1)
		return nil
	}
	for _, code := range codes {
		if got.code == code {
			return nil
		}
	}
	if got.code != "" || got.row() != want {
		return fmt.Errorf("%.200q %s %s; want %.200q %v", got.row(), got.code, got.text, want, codes)
	}
	return nil
}

func (a *asker) simple() error {
	n := a.nonce()
	if err := a.w.send(pgwire.AppendQuery(nil, "SELECT '"+n+"'")); err != nil {
		return err
	}
	return a.read(n)
}

func (a *asker) extended() error {
	n := a.nonce()
	if err := a.w.send(pgwire.AppendSync(ask(nil, "", "SELECT $1::text", n))); err != nil {
		return err
	}
	return a.read(n)
}

// prepared uses a named statement, which says the client's own number, whatever server it comes to.
func (a *asker) prepared() error {
	name := fmt.Sprintf("s%d", a.r.IntN(20))
	says, ok := a.names[name]
	n, sql := a.nonce(), ""
	if !ok {
		says = fmt.Sprintf("client %d %s ", a.id, name)
		sql = "SELECT '" + says + "' || $1::text"
	}
	if err := a.w.send(pgwire.AppendSync(ask(nil, name, sql, n))); err != nil {
		return err
	}
	before := a.refused.Load()
	if err := a.read(says + n); err != nil {
		return err
	}
	if a.refused.Load() != before && !ok {
		return errLeft // perhaps ours was refused, and the name is free
	}
	a.names[name] = says
	return nil
}

// pipeline sends many at once, some of which fail.
func (a *asker) pipeline() error {
	var b []byte
	var want []string
	for range 2 + a.r.IntN(30) {
		switch n := a.nonce(); a.r.IntN(6) {
		case 0:
			b = pgwire.AppendSync(ask(ask(b, "", "SELECT 1/$1::int", "0"), "", "SELECT $1::text", "skipped"))
			want = append(want, "error")
		case 1:
			b = pgwire.AppendQuery(b, "SELECT '"+n+"'")
			want = append(want, n)
		case 2:
			b = pgwire.AppendSync(ask(ask(b, "", "SELECT $1::text", n), "", "SELECT $1::text", n+"2"))
			want = append(want, n+","+n+"2")
		default:
			b = pgwire.AppendSync(ask(b, "", "SELECT $1::text", n))
			want = append(want, n)
		}
	}
	if err := a.w.send(b); err != nil {
		return err
	}
	for _, n := range want {
		var codes []string
		if n == "error" {
			codes = []string{"22012"}
		}
		if err := a.read(n, codes...); err != nil {
			return err
		}
	}
	return nil
}

// transaction does several things on one server, and rolls back or commits.
func (a *asker) transaction() error {
	n := a.nonce()
	steps := []struct{ sql, want string }{
		{"BEGIN", ""},
		{"CREATE TEMP TABLE tt ON COMMIT DROP AS SELECT '" + n + "' AS n", ""},
		{"SELECT n FROM tt", n},
		{"SELECT n || n FROM tt", n + n},
		{[]string{"COMMIT", "ROLLBACK"}[a.r.IntN(2)], ""},
	}
	for i, step := range steps {
		if err := a.w.send(pgwire.AppendQuery(nil, step.sql)); err != nil {
			return err
		}
		before := a.refused.Load()
		if err := a.read(step.want); err != nil {
			return err
		}
		if i == 0 && a.refused.Load() != before {
			return errLeft // perhaps it was our BEGIN
		}
		if a.r.IntN(40) == 0 {
			return errLeft // in the middle
		}
	}
	return nil
}

func (a *asker) copyOut() error {
	n := a.nonce()
	if err := a.w.send(pgwire.AppendQuery(nil, "COPY (SELECT '"+n+"' || i FROM generate_series(1, 300) i) TO STDOUT")); err != nil {
		return err
	}
	var want []string
	for i := range 300 {
		want = append(want, n+fmt.Sprint(i+1))
	}
	return a.read(strings.Join(want, ","))
}

// copyIn begins a COPY and ends it in one of several ways.
func (a *asker) copyIn() error {
	if err := a.w.send(pgwire.AppendQuery(nil, "COPY chaos FROM STDIN")); err != nil {
		return err
	}
	got, err := a.w.answer()
	if err != nil {
		return err
	}
	if got.ends != "" { // refused, or there is no such table
		if got.code != "53300" && got.code != "57P03" && got.code != "42P01" {
			return fmt.Errorf("COPY: %s %s", got.code, got.text)
		}
		return nil
	}
	data := pgwire.AppendCopyData(nil, []byte(strings.Repeat(a.nonce()+"\n", 1+a.r.IntN(2000))))
	switch a.r.IntN(4) {
	case 0:
		data = pgwire.AppendCopyFail(data, "changed my mind")
	case 1:
		data = pgwire.AppendBare(pgwire.AppendCopyData(data, []byte("too\tmany\n")), pgwire.FrontendCopyDone)
	case 2:
		_ = a.w.send(data)
		return errLeft
	default:
		data = pgwire.AppendBare(data, pgwire.FrontendCopyDone)
	}
	if err := a.w.send(data); err != nil {
		return err
	}
	if err := a.read("", "57014", "22P04"); err != nil {
		return err
	}
	return a.simple()
}

// slow reads a large answer bit by bit.
func (a *asker) slow() error {
	n := a.nonce()
	if err := a.w.send(pgwire.AppendQuery(nil, "SELECT '"+n+"' || repeat('x', 20000) FROM generate_series(1, 200)")); err != nil {
		return err
	}
	<-time.After(time.Duration(a.r.IntN(100)) * time.Millisecond) // the server has to stop meanwhile
	row := n + strings.Repeat("x", 20_000)
	return a.read(strings.TrimSuffix(strings.Repeat(row+",", 200), ","))
}

// cancel asks for something long and changes its mind.
func (a *asker) cancel() error {
	n := a.nonce()
	if err := a.w.send(pgwire.AppendQuery(nil, fmt.Sprintf("SELECT '%s' || pg_sleep(%f)::text", n, a.r.Float64()/20))); err != nil {
		return err
	}
	conn, err := net.DialTimeout("tcp", a.site.pooler.Addr(a.endpoint), time.Minute)
	if err != nil {
		return err
	}
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	_, _ = conn.Write(pgwire.AppendCancel(nil, a.w.pid, a.w.key))
	_, _ = conn.Read(make([]byte, 1))
	_ = conn.Close()
	return a.read(n, "57014")
}

// setting sets something and looks whether it has it on the next server.
func (a *asker) setting() error {
	n := fmt.Sprint(100 + a.r.IntN(900))
	for _, step := range [][2]string{
		{"SET work_mem = " + n, ""},
		{"SET application_name = 'n" + n + "'", ""},
		{"SELECT current_setting('work_mem') || current_setting('application_name')", n + "kBn" + n},
	} {
		if err := a.w.send(pgwire.AppendQuery(nil, step[0])); err != nil {
			return err
		}
		before := a.refused.Load()
		if err := a.read(step[1]); err != nil {
			return err
		}
		if a.refused.Load() != before {
			return errLeft // perhaps it was ours
		}
	}
	return nil
}

func (a *asker) large() error {
	n := a.nonce() + strings.Repeat("l", a.r.IntN(300_000))
	if err := a.w.send(pgwire.AppendSync(ask(nil, "", "SELECT $1::text", n))); err != nil {
		return err
	}
	return a.read(n)
}

// leave goes in the middle of something.
func (a *asker) leave() error {
	b := pgwire.AppendSync(ask(nil, "", "SELECT $1::text, pg_sleep(0.01)", a.nonce()))
	b = append(b, pgwire.AppendSync(ask(nil, "", "SELECT $1::text", a.nonce()))...)
	_ = a.w.send(b[:a.r.IntN(len(b))])
	return errLeft
}

// nonsense says what nobody should, and goes on after it.
func (a *asker) nonsense() error {
	if err := a.w.send(pgwire.AppendSync(pgwire.AppendBind(pgwire.AppendFlush(nil), "", "no such statement", nil, nil, nil))); err != nil {
		return err
	}
	if err := a.read("", "26000"); err != nil {
		return err
	}
	return a.extended()
}

var _ slog.Handler = (*alarm)(nil)
