package objects_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"holdfast/internal/objects"
)

// Row S0-38: any process serves any object at once.
func TestWhatOneProcessAcknowledgedTheOtherReadsAtOnce(t *testing.T) {
	t.Parallel()
	w, a := running(t)
	b := w.start()
	for i := range 100 {
		k := fmt.Sprintf("k%d", i%7)
		put(t, a, k, fmt.Sprint(i))
		if got := read(t, b, ref(k)); got != fmt.Sprint(i) {
			t.Fatalf("%s: %q after %d", k, got, i)
		}
		if i%5 == 0 {
			del(t, b, ref(k))
			_, err := a.Head(t.Context(), ref(k))
			want(t, err, objects.ErrNoSuchKey)
		}
	}
	page, err := b.List(t.Context(), objects.ListQuery{Bucket: "bucket", Limit: 100})
	if err != nil || len(page.Objects) == 0 {
		t.Errorf("%+v, %v", page, err)
	}
}

func TestABucketMadeByOneProcessIsKnownToTheOtherAtOnce(t *testing.T) {
	t.Parallel()
	w, a := running(t)
	b := w.start()
	for i := range 20 {
		name := fmt.Sprintf("fresh-%d", i)
		if err := a.CreateBucket(t.Context(), objects.Bucket{Name: name}); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Put(t.Context(), objects.Put{Bucket: name, Key: "k", Body: &nothing{}}); err != nil {
			t.Fatal(err)
		}
	}
}

// nothing is an empty body.
type nothing struct{}

func (*nothing) Read([]byte) (int, error) { return 0, errEOF }

// A deleted or replaced object's blob is dead on every process within a second (S0-36), whether notifications come or not.
func TestDeathsAreHeardEverywhereWithinASecond(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		deafen  string
		forever bool
	}{
		{"by notification", "", false},
		{"while the listening connection is cut", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'holdfast listen' AND datname = current_database()", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w, a := running(t)
			b := w.start()
			for i := range 10 {
				old := put(t, a, "k", "old")
				if c.deafen != "" {
					w.pg.Exec(t, c.deafen)
				}
				if i%2 == 0 {
					put(t, a, "k", "new")
				} else {
					del(t, a, ref("k"))
				}
				began := time.Now()
				if !a.Dead(old.Blob) {
					t.Fatal("not dead at once in the process that did it")
				}
				eventually(t, "death", func() bool { return b.Dead(old.Blob) })
				if took := time.Since(began); took > time.Second {
					t.Errorf("heard after %v", took)
				}
			}
		})
	}
}

// The poll alone must do: here nobody is notified at all.
func TestDeathsAreHeardWithoutAnyNotification(t *testing.T) {
	t.Parallel()
	w, a := running(t)
	w.pg.Exec(t, `DO $$
		DECLARE
			body text;
			changed integer := 0;
		BEGIN
			FOR body IN SELECT pg_get_functiondef(oid) FROM pg_proc
				WHERE pronamespace = 'holdfast'::regnamespace AND prosrc LIKE '%PERFORM pg_notify(%'
			LOOP
				EXECUTE replace(body, 'PERFORM pg_notify(', 'PERFORM concat(');
				changed := changed + 1;
			END LOOP;
			IF changed < 2 THEN
				RAISE 'only % functions notify: what does this test take away?', changed;
			END IF;
		END $$`)
	b := w.start()
	for range 5 {
		old := put(t, a, "k", "old")
		del(t, a, ref("k"))
		eventually(t, "death", func() bool { return b.Dead(old.Blob) })
	}
}

func TestSettingsChangedInOneProcessHoldInTheOtherWithinASecond(t *testing.T) {
	t.Parallel()
	w, a := running(t)
	b := w.start()
	key, err := a.CreateAccessKey(t.Context(), "app", objects.Policy{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := b.AccessKey(t.Context(), key.ID); err != nil || got.Secret.Reveal() != key.Secret.Reveal() {
		t.Fatalf("a new key is not known at once: %v", err)
	}
	link, err := a.SigningKey(t.Context(), "bucket")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := b.LinkKey(link.ID); err != nil || got.Secret.Reveal() != link.Secret.Reveal() {
		t.Fatalf("link key: %v", err)
	}
	began := time.Now()
	if err := a.RevokeAccessKey(t.Context(), key.ID); err != nil {
		t.Fatal(err)
	}
	if err := a.RevokeLinks(t.Context(), "bucket"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.AccessKey(t.Context(), key.ID); !errors.Is(err, objects.ErrNoSuchAccessKey) {
		t.Errorf("in the same process: %v", err)
	}
	eventually(t, "revocation", func() bool {
		_, err := b.AccessKey(t.Context(), key.ID)
		now, err2 := b.LinkKey(link.ID)
		return errors.Is(err, objects.ErrNoSuchAccessKey) && err2 == nil && now.Epoch == link.Epoch+1
	})
	if took := time.Since(began); took > time.Second {
		t.Errorf("known after %v", took)
	}
}

func TestABucketDeletedAndMadeAgainElsewhereIsTheNewOne(t *testing.T) {
	t.Parallel()
	w, a := running(t)
	w.cfg.Poll = time.Hour
	b := w.start()
	put(t, b, "k", "old")
	del(t, b, ref("k"))
	for range 5 { // too fast for the other process to notice by itself
		if err := a.DeleteBucket(t.Context(), "bucket"); err != nil {
			t.Fatal(err)
		}
		if err := a.CreateBucket(t.Context(), objects.Bucket{Name: "bucket"}); err != nil {
			t.Fatal(err)
		}
		put(t, a, "k", "new")
		if got := read(t, b, ref("k")); got != "new" {
			t.Errorf("%q", got)
		}
		page, err := b.List(t.Context(), objects.ListQuery{Bucket: "bucket", Limit: 10})
		if err != nil || len(page.Objects) != 1 {
			t.Errorf("%+v, %v", page, err)
		}
		del(t, a, ref("k"))
	}
}
