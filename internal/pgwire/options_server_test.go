package pgwire

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"holdfast/internal/pgtest"
)

// optionCases returns command lines of every shape, right and wrong.
func optionCases() []string {
	return []string{
		"", " ", "-c work_mem=1MB", "-cwork_mem=1MB", "--work_mem=1MB", "--work-mem=1MB", "-c work-mem=1MB",
		"  -c\twork_mem=1MB\n--statement_timeout=5s  ", "-c work_mem=1MB -c work_mem=2MB", "-c application_name=",
		`-c application_name=a\ b`, `-c application_name=a\\b`, `-c application_name=a\b`, `-c\ application_name=x`,
		`-c application_name=a\`, `-c application_name=a\	b`, `-c "application_name=x"`, "-c application_name=a=b", "-c =x", "-c x",
		"-c", "--", "-- ", "-- -c work_mem=1MB", "-c work_mem=1MB --", "-", "x", "-c work_mem=1MB x", "--work_mem", "--work_mem 1MB",
		"-c search_path=a,b", `-c search_path=a,\ b`, "-c nosuchsetting=1", "-c no.such=1", "-c geqo", "-c -geqo=off", "-c Geqo=OFF",
		"-c work_mem=lots", "-c max_connections=5", "--log-statement-stats=on",
		"-e", "-F", "-fs", "-f s", "-f", "-fx", "-f seqscan", "-fi -fo -fb -ft -fn -fm -fh", "-O", "-P", "-S 4096", "-S4096", "-S 4MB", "-s",
		"-tpa", "-t planner", "-te", "-tp", "-t x", "-W 0", "-d 1", "-d0", "-d 5", "-d 6", "-d x", "-d 3x", "-d -1", "-es", "-esc work_mem=1MB",
		"-ec work_mem=1MB", "-scwork_mem=1MB", "-s-work_mem=1MB", "-E", "-j", "-n", "-T", "-b", "-C x", "-D x", "-r x", "-v 3",
		"-B 10", "-h x", "-i", "-k x", "-l", "-N 5", "-p 5", "-x", "-q", "-1", "-?", "-cé=1", "-c work_mem=1MB\\ -c", "\\-c work_mem=1MB",
		"-c\vwork_mem=1MB\f-s\r", "-c a\x01b=1", "-c application_name=\u00a0x", `\`, `-c \`, "--=x", "-A", "-a", "-c DateStyle=German -e",
	}
}

// What ParseOptions reads is what PostgreSQL makes of the same text: both refuse it, or a session that is given the
// parsed settings has the same settings as one that is given the text. Trap 14; S0-15.
func TestOptionsMeanWhatPostgreSQLTakesThemFor(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t)
	for _, text := range optionCases() {
		t.Run(text, func(t *testing.T) { compareOptions(t, server, text) })
	}
}

// The same for command lines put together by chance. HOLDFAST_SOAK says how many.
func TestOptionsPutTogetherByChanceMeanWhatPostgreSQLTakesThemFor(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t)
	count := 50
	if n, err := strconv.Atoi(os.Getenv("HOLDFAST_SOAK")); err == nil {
		count = max(count, n)
	}
	pieces := []string{
		" ", " ", " ", "-", "--", "\\", "-c", "-c ", "=", "a", "work_mem=1MB", "work-mem=2MB", "geqo=off", "application_name=", "x.y=z", "\t",
		"-s", "-e", "-f", "s", "-S", "4096", "-t", "pa", "-d", "3", "-W", "0", "-O", "T", "é",
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range count {
		var text strings.Builder
		for range 1 + random.IntN(8) {
			text.WriteString(pieces[random.IntN(len(pieces))])
		}
		compareOptions(t, server, text.String())
	}
}

func compareOptions(t *testing.T, server *pgtest.PG, text string) {
	t.Helper()
	want, refused := session(t, server, Param{"options", text})
	params, err := ParseOptions(text)
	if err != nil {
		var e *ProtocolError
		if !errors.As(err, &e) || refused == nil || !strings.Contains(refused.Code+" 42601", e.SQLState()) {
			t.Fatalf("%q: we say %v, PostgreSQL %+v", text, err, refused)
		}
		// PostgreSQL moves what is no switch behind the switches, so of two mistakes it may tell the other one.
		if strings.HasSuffix(err.Error(), "requires a value") && refused.Message != err.Error() {
			t.Errorf("%q: we say %q, PostgreSQL %q", text, err, refused.Message)
		}
		return
	}
	got, ours := session(t, server, params...)
	switch {
	case refused == nil && ours == nil:
		if got != want {
			t.Errorf("%q: got  %s\nwant %s", text, got, want)
		}
	case refused == nil || ours == nil || refused.Code != ours.Code:
		t.Errorf("%q: PostgreSQL refuses the text with %+v, and %v with %+v", text, refused, params, ours)
	}
}

// session logs in with the parameters and returns what the session then has of the client, or the server's refusal.
func session(t *testing.T, server *pgtest.PG, params ...Param) (settings string, refused *Notice) {
	t.Helper()
	conn, err := net.Dial("unix", filepath.Join(server.Host, ".s.PGSQL."+strconv.Itoa(server.Port)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	out := AppendStartup(nil, Version30, append([]Param{{"user", server.User}, {"database", "postgres"}}, params...))
	out = AppendQuery(out, "SELECT name || '=' || setting FROM pg_settings WHERE source = 'client' ORDER BY name")
	if _, err := conn.Write(out); err != nil {
		t.Fatal(err)
	}
	var rows [][]byte
	r := NewReader(conn, 1<<20)
	for ready := 0; ready < 2; {
		typ, body, err := r.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		switch BackendType(typ) {
		case ErrorResponse:
			n, err := ParseNotice(body)
			if err != nil {
				t.Fatal(err)
			}
			return "", &n
		case DataRow:
			if rows, err = ParseDataRow(bytes.Clone(body), rows); err != nil {
				t.Fatal(err)
			}
		case ReadyForQuery:
			ready++
		}
	}
	return string(bytes.Join(rows, []byte("\n"))), nil
}
