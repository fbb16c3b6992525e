package content

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/coursegen"
	"holdfast/internal/fault"
	"holdfast/internal/revision"
	"holdfast/internal/treepack"
	"holdfast/internal/unit"
)

// aged makes everything that is in the tables older.
func aged(t testing.TB, c *Content, by time.Duration) {
	t.Helper()
	run(t, c, "UPDATE {s}.content_parts SET stored = stored - $1::interval, state_at = state_at - $1::interval", by)
	run(t, c, "UPDATE {s}.content_revisions SET published = published - $1::interval, dropped_at = dropped_at - $1::interval", by)
}

func collect(t testing.TB, c *Content, dry bool) *GCReport {
	t.Helper()
	report, err := c.collect(t.Context(), dry, quiet)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// E-58, S4-38: revisions go by number and age, parts after the grace, and a pin keeps both.
func TestWhatNoKeptRevisionNeedsIsRemovedAfterTheGrace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cfg.KeepRevisions, w.cfg.KeepFor = 2, hours(24)
	course := w.course("physics", small(70))
	c, _ := w.build()
	token := own(t, c)
	syncNow(t, c, token, "physics")
	pinned := syncNow(t, c, token, "physics").Commit
	if _, err := c.Pin(t.Context(), PinRequest{Source: "physics", Name: "exam"}); err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		write(t, course, map[string]string{"questions/" + course.Questions()[0] + "/question.html": fmt.Sprintf("<p>Text %d</p>", i)})
		syncNow(t, c, token, "physics")
	}
	if report := collect(t, c, false); report.Dropped != 0 || report.Doomed.Parts != 0 {
		t.Errorf("within keep_for: %+v; want nothing dropped", report)
	}
	aged(t, c, 48*time.Hour)
	if report := collect(t, c, true); report.Dropped != 2 || report.Doomed.Parts == 0 {
		t.Errorf("dry run: %+v; want 2 dropped", report)
	}
	if n := count(t, c, "{s}.content_revisions WHERE dropped_at IS NOT NULL"); n != 0 {
		t.Errorf("a dry run dropped %d revisions", n)
	}
	before := blobs(t, w.store, "content/v1/")
	report := collect(t, c, false)
	doomed := report.Doomed.Parts
	if report.Dropped != 2 || doomed == 0 || report.Deleted.Parts != 0 || blobs(t, w.store, "content/v1/") != before {
		t.Errorf("first run: %+v; want 2 dropped, and nothing deleted within the grace", report)
	}
	if _, err := c.Lookup(t.Context(), "physics", pinned); err != nil {
		t.Errorf("the pinned revision: %v", err)
	}
	aged(t, c, 73*time.Hour)
	report = collect(t, c, false)
	if report.Forgotten != 2 || report.Deleted.Parts != doomed || blobs(t, w.store, "content/v1/") != before-doomed {
		t.Errorf("second run: %+v; want 2 forgotten and %d deleted", report, doomed)
	}
	if n := blobs(t, w.store, "content/rev/"); n != 3 {
		t.Errorf("%d indexes are left; want 3", n)
	}
	wantWhole(t, c, "physics")
	if _, err := c.Unpin(t.Context(), UnpinRequest{Source: "physics", Name: "exam"}); err != nil {
		t.Fatal(err)
	}
	if report = collect(t, c, false); report.Dropped != 1 {
		t.Errorf("after the pin: %+v; want it dropped", report)
	}
}

// doomed returns a source of which a collection has doomed a part: a commit changed a question.
func doomed(t *testing.T, seed uint64) (c *Content, course *coursegen.Course, token int64) {
	t.Helper()
	w := newWorld(t)
	course = w.course("physics", small(seed))
	c, _ = w.build()
	token = own(t, c)
	syncNow(t, c, token, "physics")
	commit(t, course, coursegen.OneQuestion)
	syncNow(t, c, token, "physics")
	aged(t, c, 2*time.Hour)
	if report := collect(t, c, false); report.Doomed.Parts == 0 {
		t.Fatalf("nothing was doomed: %+v", report)
	}
	return c, course, token
}

// What is needed again within the grace is saved, without a new upload.
func TestARevertRevivesDoomedParts(t *testing.T) {
	t.Parallel()
	c, course, token := doomed(t, 71)
	commit(t, course, coursegen.Revert)
	report := syncNow(t, c, token, "physics")
	if report.Uploaded.Parts != 0 || !report.Published {
		t.Errorf("report %+v; want no upload", report)
	}
	aged(t, c, 100*time.Hour)
	collect(t, c, false)
	wantWhole(t, c, "physics")
}

// A part that is being deleted is stored anew, not relied on.
func TestAPartThatIsBeingDeletedIsStoredAnew(t *testing.T) {
	t.Parallel()
	c, course, token := doomed(t, 72)
	c.deleteWait = 50 * time.Millisecond
	// A collector marked them, and died.
	run(t, c, "UPDATE {s}.content_parts SET state = 'deleting', state_at = now() WHERE state = 'doomed'")
	commit(t, course, coursegen.Revert)
	report := syncNow(t, c, token, "physics")
	if report.Uploaded.Parts != 1 || !report.Published {
		t.Errorf("report %+v; want the part uploaded again", report)
	}
	wantWhole(t, c, "physics")
}

// The collector takes parts between their upload and the publish: publish notices, and they are stored again.
func TestPartsThatLeaveDuringASyncAreStoredAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	course := w.course("physics", small(73))
	c, _ := w.build()
	token := own(t, c)
	syncNow(t, c, token, "physics")
	commit(t, course, coursegen.OneQuestion)
	times := 0
	c.opts.Observe = func(_, step string) {
		if step == "index stored" && times < 2 {
			times++
			aged(t, c, 2*time.Hour)
			collect(t, c, false)
			aged(t, c, 100*time.Hour)
			collect(t, c, false)
		}
	}
	report := syncNow(t, c, token, "physics")
	if !report.Published || times != 2 || report.Uploaded.Parts != 3 {
		t.Errorf("report %+v after %d collections", report, times)
	}
	wantWhole(t, c, "physics")
}

func TestADroppedRevisionIsTakenBackByAPinWhileItsPartsAreThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	course := w.course("physics", small(74))
	c, _ := w.build()
	token := own(t, c)
	first := syncNow(t, c, token, "physics").Commit
	commit(t, course, coursegen.Mass)
	syncNow(t, c, token, "physics")
	aged(t, c, 2*time.Hour)
	if report := collect(t, c, false); report.Dropped != 1 {
		t.Fatalf("dropped: %+v", report)
	}
	if _, err := c.Pin(t.Context(), PinRequest{Source: "physics", Revision: first, Name: "regrade", For: unit.Duration(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	aged(t, c, 100*time.Hour)
	if report := collect(t, c, false); report.Deleted.Parts != 0 || report.Revived.Parts == 0 {
		t.Errorf("after the pin: %+v", report)
	}
	run(t, c, "UPDATE {s}.content_pins SET until = now() - interval '1 second'")
	collect(t, c, false)
	run(t, c, "UPDATE {s}.content_parts SET state = 'deleting' WHERE state = 'doomed'")
	if _, err := c.Pin(t.Context(), PinRequest{Source: "physics", Revision: first, Name: "late"}); fault.CodeOf(err) != "content_revision_gone" {
		t.Errorf("a pin of what is being removed: %v", err)
	}
	if n := count(t, c, "{s}.content_revisions WHERE dropped_at IS NULL"); n != 1 {
		t.Errorf("%d revisions live", n)
	}
}

// A part that was doomed when a sync looked, and is removed before the sync notes what it stored, has no row without bytes.
func TestAPartRemovedWhileASyncStoresIsNotNoted(t *testing.T) {
	t.Parallel()
	c, _, _ := doomed(t, 74)
	rows, err := c.partRows(t.Context(), "state = 'doomed'")
	if err != nil {
		t.Fatal(err)
	}
	part := rows[0].part
	u := &upload{
		job: &job{c: c, step: quiet, report: &Report{}}, ix: &revision.Index{},
		known: map[treepack.PartID][]partRow{part.ID: rows[:1]}, total: 1,
	}
	if err := u.storePacked(t.Context(), part, memorySpool("packed")); err != nil {
		t.Fatal(err)
	}
	aged(t, c, 100*time.Hour)
	if report := collect(t, c, false); report.Deleted.Parts == 0 {
		t.Fatalf("nothing was deleted: %+v", report)
	}
	if err := u.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := count(t, c, "{s}.content_parts WHERE name = $1", part.ID.String()); n != 0 {
		t.Error("a part is noted whose bytes are removed")
	}
}

// Rows that others hold are not waited for when parts are noted: who locks them does it in another order.
func TestNotingPartsWaitsForNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.course("physics", small(75))
	c, _ := w.build()
	syncNow(t, c, own(t, c), "physics")
	rows, err := c.partRows(t.Context(), "true")
	if err != nil {
		t.Fatal(err)
	}
	var parts []treepack.Part
	for _, r := range rows {
		parts = append(parts, r.part)
	}
	err = c.db.InTx(t.Context(), func(tx pgx.Tx) error {
		held, err := numbers(t.Context(), tx, c.q("SELECT id FROM {s}.content_parts FOR UPDATE"))
		if err != nil || len(held) != len(parts) {
			return fmt.Errorf("%d of %d rows are held, %w", len(held), len(parts), err)
		}
		return c.insertParts(t.Context(), parts)
	})
	if err != nil {
		t.Error(err)
	}
}

// Renewing a pin that is over, while a collection drops the revision, is no wait in a circle: both lock the revision first.
func TestAPinIsRenewedWhileACollectionDropsItsRevision(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cfg.KeepRevisions, w.cfg.KeepFor = 1, hours(24)
	course := w.course("physics", small(76))
	c, _ := w.build()
	token := own(t, c)
	syncNow(t, c, token, "physics")
	if _, err := c.Pin(t.Context(), PinRequest{Source: "physics", Name: "exam"}); err != nil {
		t.Fatal(err)
	}
	commit(t, course, coursegen.OneQuestion)
	syncNow(t, c, token, "physics")
	aged(t, c, 48*time.Hour)
	run(t, c, "UPDATE {s}.content_pins SET until = now() - interval '1 second'")
	collected := make(chan error, 1)
	err := c.db.InTx(t.Context(), func(tx pgx.Tx) error { // what Pin does
		if _, err := tx.Exec(t.Context(), c.q("SELECT FROM {s}.content_revisions WHERE seq = 1 FOR UPDATE")); err != nil {
			t.Fatal(err)
		}
		go func() { // waited for below
			_, err := c.collect(t.Context(), false, quiet)
			collected <- err
		}()
		eventually(t, "the collection waits for the revision", func() bool {
			return count(t, c, "pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") == 1
		})
		_, err := tx.Exec(t.Context(), c.q("UPDATE {s}.content_pins SET until = NULL"))
		return err
	})
	if collecting := <-collected; err != nil || collecting != nil {
		t.Errorf("the pin: %v; the collection: %v", err, collecting)
	}
	collect(t, c, false) // takes back what was dropped meanwhile
	if n := count(t, c, "{s}.content_revisions WHERE seq = 1 AND dropped_at IS NULL"); n != 1 {
		t.Error("a pinned revision is dropped")
	}
}
