package objects_test

import (
	"errors"
	"testing"
	"time"

	"holdfast/internal/objects"
)

func TestABucketComesBackAsItWasMade(t *testing.T) {
	t.Parallel()
	b := objects.Bucket{
		Name: "bucket", Owner: "HFX", Public: true, Versioning: objects.VersioningEnabled, MaxSize: 1, MaxObjects: 2,
		AllowedTypes: []string{"image/*"}, ExpireAfter: 3 * time.Hour, KeepVersions: 4,
		CORS: []objects.CORSRule{{AllowedOrigins: []string{"*"}, AllowedMethods: []string{"GET"}}}, Tags: map[string]string{"a": "b"},
	}
	w, x := running(t, b)
	for _, x := range []*objects.Index{x, w.start()} {
		got, err := x.Bucket(t.Context(), "bucket")
		switch {
		case err != nil, got.Created.IsZero(), got.Owner != "HFX", !got.Public, got.Versioning != b.Versioning, got.MaxSize != 1,
			got.MaxObjects != 2, len(got.AllowedTypes) != 1, got.ExpireAfter != b.ExpireAfter, got.KeepVersions != 4,
			len(got.CORS) != 1 || got.CORS[0].AllowedMethods[0] != "GET", got.Tags["a"] != "b", got.Declared:
			t.Errorf("%+v, %v", got, err)
		}
	}
	want(t, x.CreateBucket(t.Context(), b), objects.ErrBucketExists)
	for _, name := range []string{"", "ab", "UPPER", "a/b", "-ab", "a_b"} {
		want(t, x.CreateBucket(t.Context(), objects.Bucket{Name: name}), objects.ErrBucketName)
	}
}

func TestVersionsAreNeverOffAgain(t *testing.T) {
	t.Parallel()
	_, x := running(t, objects.Bucket{Name: "bucket", Versioning: objects.VersioningEnabled})
	b, err := x.UpdateBucket(t.Context(), "bucket", func(b *objects.Bucket) error { b.Versioning = objects.VersioningOff; return nil })
	if err != nil || b.Versioning != objects.VersioningSuspended {
		t.Errorf("%+v, %v", b, err)
	}
	mine := errors.New("no")
	_, err = x.UpdateBucket(t.Context(), "bucket", func(b *objects.Bucket) error { b.Public = true; return mine })
	want(t, err, mine)
	if b, _ = x.Bucket(t.Context(), "bucket"); b.Public {
		t.Error("a refused change was stored")
	}
	_, err = x.UpdateBucket(t.Context(), "nope", func(*objects.Bucket) error { return nil })
	want(t, err, objects.ErrNoSuchBucket)
}

func TestOnlyAnEmptyBucketIsDeleted(t *testing.T) {
	t.Parallel()
	_, x := running(t, objects.Bucket{Name: "bucket", Versioning: objects.VersioningEnabled})
	o := put(t, x, "k", "text")
	want(t, x.DeleteBucket(t.Context(), "bucket"), objects.ErrBucketNotEmpty)
	d := del(t, x, ref("k"))
	want(t, x.DeleteBucket(t.Context(), "bucket"), objects.ErrBucketNotEmpty)
	del(t, x, objects.Ref{Bucket: "bucket", Key: "k", Generation: o.Generation})
	del(t, x, objects.Ref{Bucket: "bucket", Key: "k", Generation: d.MarkerGen})
	u := begin(t, x)
	want(t, x.DeleteBucket(t.Context(), "bucket"), objects.ErrBucketNotEmpty)
	if err := x.AbortUpload(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	key, err := x.SigningKey(t.Context(), "bucket")
	if err != nil {
		t.Fatal(err)
	}
	if err := x.DeleteBucket(t.Context(), "bucket"); err != nil {
		t.Fatal(err)
	}
	_, err = x.Bucket(t.Context(), "bucket")
	want(t, err, objects.ErrNoSuchBucket)
	_, err = x.LinkKey(key.ID)
	want(t, err, objects.ErrNoSuchLinkKey)
	want(t, x.DeleteBucket(t.Context(), "bucket"), objects.ErrNoSuchBucket)
}

// While objects are being written, a bucket is either deleted and they are refused, or it stays: no object is lost.
func TestABucketThatIsBeingWrittenToIsNotDeletedUnderTheWriters(t *testing.T) {
	t.Parallel()
	w, a := running(t)
	b := w.start()
	for range soak(15, 200) {
		var stored, refused error
		crowd(2, func(i int) {
			if i == 0 {
				_, stored = tryPut(b, "k", "text")
			} else {
				refused = a.DeleteBucket(t.Context(), "bucket")
			}
		})
		switch {
		case stored == nil && refused != nil:
			want(t, refused, objects.ErrBucketNotEmpty)
			del(t, a, ref("k"))
		case stored != nil && refused == nil:
			want(t, stored, objects.ErrNoSuchBucket)
			if err := a.CreateBucket(t.Context(), objects.Bucket{Name: "bucket"}); err != nil {
				t.Fatal(err)
			}
		default:
			t.Fatalf("put: %v, delete bucket: %v", stored, refused)
		}
	}
}

func TestDeclaredBucketsFollowTheConfiguration(t *testing.T) {
	t.Parallel()
	w, x := running(t)
	declare := func(list ...objects.Bucket) {
		t.Helper()
		if err := x.Declare(t.Context(), list); err != nil {
			t.Fatal(err)
		}
	}
	declare(objects.Bucket{Name: "bucket", MaxSize: 5, Versioning: objects.VersioningEnabled}, objects.Bucket{Name: "other"})
	b, err := x.Bucket(t.Context(), "bucket")
	if err != nil || b.MaxSize != 5 || !b.Declared || b.Owner != "config" {
		t.Errorf("%+v, %v", b, err)
	}
	want(t, x.DeleteBucket(t.Context(), "other"), objects.ErrBucketDeclared)
	_, err = x.UpdateBucket(t.Context(), "other", func(*objects.Bucket) error { return nil })
	want(t, err, objects.ErrBucketDeclared)
	version := settingsVersion(t, w)
	declare(objects.Bucket{Name: "bucket", MaxSize: 5, Versioning: objects.VersioningEnabled}, objects.Bucket{Name: "other"})
	if settingsVersion(t, w) != version {
		t.Error("declaring the same again changed something")
	}
	declare(objects.Bucket{Name: "bucket", MaxSize: 6})
	b, err = x.Bucket(t.Context(), "bucket")
	if err != nil || b.MaxSize != 6 || b.Versioning != objects.VersioningSuspended {
		t.Errorf("%+v, %v", b, err)
	}
	if err := x.DeleteBucket(t.Context(), "other"); err != nil {
		t.Errorf("a bucket that is declared no longer: %v", err)
	}
}

// C-26: an origin that is taken out of the configuration is let in no more; what was set through S3 before stays.
func TestOriginsOfAFormerDeclarationAreGone(t *testing.T) {
	t.Parallel()
	_, x := running(t)
	byS3 := objects.CORSRule{ID: "own", AllowedOrigins: []string{"https://own.example.com"}, AllowedMethods: []string{"GET"}}
	declared := objects.CORSRule{ID: objects.OriginsRule, AllowedOrigins: []string{"https://old.example.com"}, AllowedMethods: []string{"GET"}}
	if err := x.CreateBucket(t.Context(), objects.Bucket{Name: "pages", CORS: []objects.CORSRule{byS3, declared}}); err != nil {
		t.Fatal(err)
	}
	if err := x.Declare(t.Context(), []objects.Bucket{{Name: "pages"}}); err != nil {
		t.Fatal(err)
	}
	b, err := x.Bucket(t.Context(), "pages")
	if err != nil || len(b.CORS) != 1 || b.CORS[0].ID != "own" {
		t.Errorf("%+v, %v", b.CORS, err)
	}
}

func TestProcessesThatStartTogetherDeclareTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	crowd(4, func(int) {
		x := w.start()
		if err := x.Declare(t.Context(), []objects.Bucket{{Name: "one"}, {Name: "two"}}); err != nil {
			t.Error(err)
		}
	})
}

func settingsVersion(t *testing.T, w *world) (n int64) {
	t.Helper()
	if err := w.pg.Conn(t).QueryRow(t.Context(), "SELECT version FROM holdfast.settings").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
