package objects_test

import (
	"testing"

	"holdfast/internal/fault"
	"holdfast/internal/objects"
)

// A listing with a delimiter passes over what lies below a common prefix instead of reading it: fifty directories of a
// thousand files each cost a handful of rows each.
func TestADelimiterSkipsWhatItRollsUp(t *testing.T) {
	t.Parallel()
	w, x := running(t)
	w.pg.Exec(t, `INSERT INTO holdfast.objects (gen, size, created, blob, bucket, null_id, key, etag)
		SELECT nextval('holdfast.generations'), 1, now(), gen_random_uuid(), b.id, true, 'd' || i / 1000 || '/f' || i, 'x'
		FROM holdfast.buckets b, generate_series(0, 49999) i`)
	page, err := x.List(t.Context(), objects.ListQuery{Bucket: "bucket", Delimiter: "/", Limit: 1000})
	if err != nil || len(page.Prefixes) != 50 || len(page.Objects) != 0 || page.Next != "" {
		t.Fatalf("%+v, %v", page, err)
	}
	page, err = x.List(t.Context(), objects.ListQuery{Bucket: "bucket", Prefix: "d7/", Delimiter: "/", Limit: 1000})
	if err != nil || len(page.Prefixes) != 0 || len(page.Objects) != 1000 || page.Next != "" {
		t.Fatalf("%d prefixes, %d objects, %v", len(page.Prefixes), len(page.Objects), err)
	}
	for name, query := range map[string]string{
		"objects":  `SELECT count(*) FROM holdfast.list_objects((SELECT id FROM holdfast.buckets), '', '', 'z', '/', '0', 1001)`,
		"versions": `SELECT count(*) FROM holdfast.list_version_keys((SELECT id FROM holdfast.buckets), '', '', 'z', '/', '0', 1001)`,
	} {
		tx, err := w.pg.Conn(t).Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var found, fetched, scanned int
		if err := tx.QueryRow(t.Context(), query).Scan(&found); err != nil {
			t.Fatal(err)
		}
		err = tx.QueryRow(t.Context(), `SELECT pg_stat_get_xact_tuples_fetched('holdfast.objects'::regclass),
			pg_stat_get_xact_tuples_returned('holdfast.objects'::regclass)`).Scan(&fetched, &scanned)
		if err != nil || found != 50 || fetched+scanned > 50*60 {
			t.Errorf("%s: %d found, %d rows fetched, %d scanned, %v", name, found, fetched, scanned, err)
		}
		_ = tx.Rollback(t.Context())
	}
}

func TestAListingThatMakesNoSenseIsRefusedOrEmpty(t *testing.T) {
	t.Parallel()
	_, x := running(t)
	put(t, x, "k", "text")
	for _, limit := range []int{0, -1, 1001} {
		_, err := x.List(t.Context(), objects.ListQuery{Bucket: "bucket", Limit: limit})
		if fault.KindOf(err) != fault.Usage {
			t.Errorf("limit %d: %v", limit, err)
		}
	}
	for _, q := range []objects.ListQuery{{Prefix: "\xff"}, {Prefix: "a\x00"}, {After: "z"}, {After: "\U0010FFFF"}, {Prefix: "j", After: "k"}} {
		q.Bucket, q.Limit = "bucket", 10
		if page, err := x.List(t.Context(), q); err != nil || len(page.Objects) != 0 {
			t.Errorf("%+v: %+v, %v", q, page, err)
		}
		if page, _, err := x.ListVersions(t.Context(), q, 0); err != nil || len(page.Objects) != 0 {
			t.Errorf("%+v: %+v, %v", q, page, err)
		}
	}
	for _, after := range []string{"j\xff", "\x00", "k\x00"} {
		if _, err := x.List(t.Context(), objects.ListQuery{Bucket: "bucket", Limit: 10, After: after}); err != nil {
			t.Errorf("after %q: %v", after, err)
		}
	}
	_, err := x.List(t.Context(), objects.ListQuery{Bucket: "nope", Limit: 10})
	want(t, err, objects.ErrNoSuchBucket)
}

// Every page of a flat listing of many keys comes once, in byte order, whatever the database's collation is.
func TestPagesFollowEachOtherInByteOrder(t *testing.T) {
	t.Parallel()
	w, x := running(t)
	w.pg.Exec(t, `INSERT INTO holdfast.objects (gen, size, created, blob, bucket, null_id, key, etag)
		SELECT nextval('holdfast.generations'), 1, now(), gen_random_uuid(), b.id, true, chr(48 + i % 75) || i, 'x'
		FROM holdfast.buckets b, generate_series(0, 4999) i`)
	q, n, last := objects.ListQuery{Bucket: "bucket", Limit: 999}, 0, ""
	for {
		page, err := x.List(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.Objects {
			if o.Key <= last {
				t.Fatalf("%q after %q", o.Key, last)
			}
			last = o.Key
			n++
		}
		if q.After = page.Next; q.After == "" {
			break
		}
	}
	if n != 5000 {
		t.Errorf("%d keys", n)
	}
}
