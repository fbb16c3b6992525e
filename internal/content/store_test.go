package content

import (
	"slices"
	"testing"
	"time"

	"holdfast/internal/blob"
	"holdfast/internal/blob/s3"
	"holdfast/internal/coursegen"
	"holdfast/internal/s3test"
	"holdfast/internal/secret"
	"holdfast/internal/unit"
)

// S4-19: the same life of a course on every kind of store.
func TestACourseLivesOnDiskAndOnS3(t *testing.T) {
	t.Parallel()
	t.Run("disk", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.onDisk()
		liveOnce(t, w)
	})
	t.Run("S3", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.store = onS3(t)
		liveOnce(t, w)
	})
}

func onS3(t *testing.T) blob.Store {
	t.Helper()
	server := s3test.Versitygw(t)
	c := s3.DefaultConfig()
	c.Enabled, c.EndpointURL, c.BucketName, c.Region = true, server.URL, "content", server.Region
	c.AccessKeyID, c.SecretKey = secret.New(server.AccessKey), secret.New(server.SecretKey)
	c.Timeout = unit.Duration(10 * time.Second)
	store, err := s3.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.EnsureBucket(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	return store
}

// liveOnce publishes, edits, damages, scrubs, purges and collects.
func liveOnce(t *testing.T, w *world) {
	course := w.course("physics", small(95))
	c, _ := w.build()
	token := own(t, c)
	syncNow(t, c, token, "physics")
	commit(t, course, coursegen.Mass)
	if report := syncNow(t, c, token, "physics"); !report.Published || report.Uploaded.Parts == 0 {
		t.Errorf("after a mass edit: %+v", report)
	}
	wantWhole(t, c, "physics")
	damage(t, w.store, blob.Name(index(t, c, "physics").Parts()[0].BlobName()))
	if report, err := c.scrub(t.Context(), ScrubRequest{List: true}, quiet); err != nil || report.Repaired != 1 {
		t.Errorf("scrub: %+v, %v", report, err)
	}
	wantWhole(t, c, "physics")
	parts := index(t, c, "physics").Parts()
	rows, err := c.partsNamed(t.Context(), nil)
	if err != nil || len(rows) != 0 {
		t.Errorf("no names: %v, %v", rows, err)
	}
	aged(t, c, 2*time.Hour)
	collect(t, c, false)
	aged(t, c, 100*time.Hour)
	if report := collect(t, c, false); report.Deleted.Parts == 0 || report.Forgotten != 1 {
		t.Errorf("collection: %+v", report)
	}
	if n := blobs(t, w.store, "content/v1/"); n != len(parts) {
		t.Errorf("%d parts are stored; want %d", n, len(parts))
	}
	wantWhole(t, c, "physics")
	commit(t, course, coursegen.Revert)
	if report := syncNow(t, c, token, "physics"); !report.Published || slices.Contains(report.Notes, "?") {
		t.Errorf("after a revert: %+v", report)
	}
	wantWhole(t, c, "physics")
}
