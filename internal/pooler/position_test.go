package pooler_test

import (
	"testing"

	"holdfast/internal/pgwire"
)

// takesAPositionBack: a session that waits for a position that never comes, or that is none, is not stuck. What undoes the setting runs on
// any replica, and what reads besides does not.
func (f *flock) takesAPositionBack(t *testing.T) {
	w := f.wire(t, strict)
	set := "SET holdfast.min_lsn = 'FFFFFF/0'"
	w.must(set)
	if a := w.query("SELECT 1"); a.code() != "57P03" {
		t.Errorf("nobody has the position: %+v", a)
	}
	w.must("SET holdfast.min_lsn = 'soon'")
	if a := w.query("SELECT 1; RESET ALL"); a.code() != "22023" {
		t.Errorf("a read beside what undoes the setting: %+v", a)
	}
	for _, undo := range []string{
		"RESET holdfast.min_lsn", "reset all", "DISCARD ALL", "SET holdfast.min_lsn TO DEFAULT", "SET SESSION holdfast.min_lsn = '0/0';",
		"SELECT pg_advisory_unlock_all(); CLOSE ALL; UNLISTEN *; RESET ALL;",
	} {
		w.must(set)
		w.must(undo)
		if got := w.must(isReplica); got != "t" {
			t.Errorf("after %s: %s", undo, got)
		}
	}
	bound := func(statement string) []byte {
		return pgwire.AppendSync(pgwire.AppendExecute(pgwire.AppendBind(nil, "", statement, nil, nil, nil), "", 0))
	}
	w.send(pgwire.AppendSync(pgwire.AppendParse(nil, "undo", "RESET holdfast.min_lsn", nil)))
	w.answer()
	for name, sent := range map[string][]byte{
		"a prepared RESET": bound("undo"), "RESET ALL by the extended protocol": append(pgwire.AppendParse(nil, "", "RESET ALL", nil), bound("")...),
	} {
		w.must(set)
		w.send(sent)
		if a := w.answer(); a.code() != "" {
			t.Errorf("%s: %+v", name, a)
		}
		if got := w.must(isReplica); got != "t" {
			t.Errorf("after %s: %s", name, got)
		}
	}
}
