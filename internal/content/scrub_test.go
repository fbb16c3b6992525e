package content

import (
	"bytes"
	"context"
	"io"
	"os"
	"testing"
	"time"

	"holdfast/internal/blob"
	"holdfast/internal/coursegen"
)

// damage flips a byte of a stored part.
func damage(t testing.TB, store blob.Store, name blob.Name) {
	t.Helper()
	b, err := store.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(b)
	_ = b.Close()
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 0x40
	if err := store.Delete(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Put(t.Context(), name, bytes.NewReader(data), blob.PutOptions{Size: int64(len(data))}); err != nil {
		t.Fatal(err)
	}
}

// Bits that rot and objects that vanish are found, and made again from the mirror: of old revisions and gathered chunks, too, and
// by a holder that has no mirror yet.
func TestAScrubRepairsWhatIsMissingOrDamaged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	course := w.course("physics", small(90))
	c, _ := w.build()
	token := own(t, c)
	syncNow(t, c, token, "physics")
	commit(t, course, coursegen.Mass)
	syncNow(t, c, token, "physics")
	if err := os.RemoveAll(w.mirrors); err != nil {
		t.Fatal(err)
	}
	rows, err := c.partRows(t.Context(), "true ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range rows {
		name := blob.Name(row.part.BlobName())
		if i%2 == 0 {
			damage(t, w.store, name)
		} else if err := w.store.Delete(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	report, err := c.scrub(t.Context(), ScrubRequest{}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	if report.Checked.Parts != len(rows) || report.Missing+report.Corrupt != len(rows) || report.Repaired != len(rows) || len(report.Lost) > 0 {
		t.Errorf("report %+v of %d parts", report, len(rows))
	}
	wantWhole(t, c, "physics")
	if report, err = c.scrub(t.Context(), ScrubRequest{}, quiet); err != nil || report.Missing+report.Corrupt > 0 {
		t.Errorf("a second scrub: %+v, %v", report, err)
	}
}

// What a consumer complains of is repaired without anybody's help.
func TestAComplaintIsRepaired(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.course("physics", small(91))
	c, e := w.start()
	eventually(t, "the first revision", func() bool { return e.latest("physics").Seq == 1 })
	part := index(t, c, "physics").Parts()[0]
	damage(t, w.store, blob.Name(part.BlobName()))
	if err := c.ReportBad(t.Context(), part.ID.String()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the part is whole", func() bool {
		found, err := c.examine(t.Context(), part)
		return err == nil && found == sound
	})
}

// The listing is compared with the tables both ways.
func TestAListingFindsStraysAndLostParts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.course("physics", small(92))
	w.store = older{w.store}
	c, _ := w.build()
	syncNow(t, c, own(t, c), "physics")
	lost := index(t, c, "physics").Parts()[3]
	if err := w.store.Delete(t.Context(), blob.Name(lost.BlobName())); err != nil {
		t.Fatal(err)
	}
	run(t, c, "UPDATE {s}.content_parts SET checked = now() + interval '1 hour'") // the plain scrub passes them over
	for _, stray := range []blob.Name{"content/v1/ab/t1-abcdef", "content/rev/physics/9-abcdef"} {
		if _, err := w.store.Put(t.Context(), stray, bytes.NewReader(nil), blob.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	report, err := c.scrub(t.Context(), ScrubRequest{List: true}, quiet)
	if err != nil || report.Strays != 2 || report.Repaired != 1 {
		t.Errorf("report %+v, %v; want 2 strays and 1 repaired", report, err)
	}
	wantWhole(t, c, "physics")
	if n := blobs(t, w.store, "content/rev/"); n != 1 {
		t.Errorf("%d indexes are left", n)
	}
}

// older is a store whose blobs are two days old.
type older struct{ blob.Store }

func (o older) List(ctx context.Context, prefix string, after blob.Name, yield func(blob.Info) bool) error {
	return o.Store.List(ctx, prefix, after, func(i blob.Info) bool {
		i.ModTime = i.ModTime.Add(-48 * time.Hour)
		return yield(i)
	})
}
