package audit_test

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"holdfast/internal/audit"
)

func record() audit.Record {
	return audit.Record{
		Time:        time.Date(2026, 3, 1, 12, 0, 5, 60_007_890, time.FixedZone("", 3600)),
		Person:      "alice",
		Proven:      true,
		Database:    "app",
		User:        "editor",
		Class:       "curators",
		Statement:   audit.Update,
		Fingerprint: 0xab,
		Rows:        3,
		Duration:    1500 * time.Microsecond,
		BackendPID:  4711,
		Client:      netip.MustParseAddrPort("192.0.2.7:50000"),
		RequestID:   "r-1",
		Text:        []byte("UPDATE t SET a = 'secret'"),
	}
}

// S2-38: time, person, database, class, statement class, rows, duration, request id.
func TestARecordTellsWhoDidWhat(t *testing.T) {
	t.Parallel()
	r := record()
	const want = `{"time":"2026-03-01T11:00:05.060007Z","event":"statement","person":"alice","proven":true,"database":"app",` +
		`"user":"editor","class":"curators","statement":"UPDATE","fingerprint":"00000000000000ab","rows":3,"duration_us":1500,` +
		`"backend_pid":4711,"client":"192.0.2.7:50000","request_id":"r-1"}` + "\n"
	if got := string(audit.AppendRecord(nil, &r, 0)); got != want {
		t.Errorf("record\n%s\nwant\n%s", got, want)
	}
}

func TestADeniedLogInTellsTheReasonAndNoStatement(t *testing.T) {
	t.Parallel()
	r := audit.Record{
		Time: time.Unix(0, 0), Event: audit.Denied, Database: "app", User: "mallory", Method: "scram",
		SQLSTATE: "28P01", Reason: "auth_unknown_user", Rows: -1,
	}
	const want = `{"time":"1970-01-01T00:00:00.000000Z","event":"denied","person":"","proven":false,"database":"app","user":"mallory",` +
		`"method":"scram","sqlstate":"28P01","reason":"auth_unknown_user","client":"unix"}` + "\n"
	if got := string(audit.AppendRecord(nil, &r, 0)); got != want {
		t.Errorf("record\n%s\nwant\n%s", got, want)
	}
}

func TestTextIsRecordedOnlyWhenAskedForAndCutBetweenCharacters(t *testing.T) {
	t.Parallel()
	f := func(text string, limit int, want string) {
		t.Helper()
		r := record()
		r.Text = []byte(text)
		var got struct{ Text string }
		line := audit.AppendRecord(nil, &r, limit)
		if err := json.Unmarshal(line, &got); err != nil || got.Text != want {
			t.Errorf("text %q with limit %d: %q, %v; want %q", text, limit, got.Text, err, want)
		}
	}
	f("SELECT 1", 0, "")
	f("SELECT 1", 8, "SELECT 1")
	f("SELECT 12", 8, "SELECT 1…")
	f("aäb", 2, "a…")
	f("aäb", 3, "aä…")
	f("a\x00\t\n\"\\\x7fb", 100, "a\x00\t\n\"\\\x7fb")
	f("a\xffb\xc3", 100, "a\ufffdb\ufffd")
}

func FuzzRecord(f *testing.F) {
	f.Add("alice", "app", []byte("SELECT '\xff\n"), 5, int64(7), uint64(1))
	f.Fuzz(func(t *testing.T, person, database string, text []byte, limit int, rows int64, sum uint64) {
		r := audit.Record{Person: person, Database: database, RequestID: person, Text: text, Rows: rows, Fingerprint: sum}
		line := audit.AppendRecord(nil, &r, limit)
		var got map[string]any
		if err := json.Unmarshal(line, &got); err != nil {
			t.Fatalf("%q is no JSON: %v", line, err)
		}
		if strings.Count(string(line), "\n") != 1 || line[len(line)-1] != '\n' {
			t.Fatalf("%q is not one line", line)
		}
		if len(person) <= 1024 {
			checkPerson(t, person, got["person"])
		}
	})
}

// checkPerson compares with what encoding/json makes of the same text.
func checkPerson(t *testing.T, person string, got any) {
	t.Helper()
	oracle, err := json.Marshal(person)
	if err != nil {
		t.Fatal(err)
	}
	var want string
	if err := json.Unmarshal(oracle, &want); err != nil || got != want {
		t.Fatalf("person %q reads back as %q; encoding/json makes it %q", person, got, want)
	}
}
