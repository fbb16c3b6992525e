package daemon

import (
	"slices"
	"testing"

	"holdfast/internal/config"
	"holdfast/internal/files"
)

// S0-40, C-26: pages of the S3 service's origin, of stored files and of the site itself may use assets; a stored page that
// is shown in a sandbox has the origin "null".
func TestOriginsThatMayUseAssetsFollowFromTheConfiguration(t *testing.T) {
	t.Parallel()
	c := config.Default()
	c.Edge.Hosts = []string{"school.example.org"}
	c.Files.PublicURL = "https://files.example.org/"
	c.Storage.S3.EndpointURL = "https://s3.example.org:9000/path"
	if got := assetOrigins(&c); !slices.Equal(got, []string{"https://school.example.org", "https://files.example.org"}) {
		t.Errorf("files on disk: %v", got)
	}
	c.Storage.S3.Enabled = true
	c.Files.Buckets = map[string]files.BucketConfig{"pages": {Resources: []string{"https://school.example.org"}}}
	want := []string{"https://school.example.org", "https://files.example.org", "https://s3.example.org:9000", "null"}
	if got := assetOrigins(&c); !slices.Equal(got, want) {
		t.Errorf("files in S3: %v", got)
	}
}

func TestAssetsAreSharedWhereFilesAreInS3(t *testing.T) {
	t.Parallel()
	f := func(share string, s3, want bool) {
		t.Helper()
		c := config.Default()
		c.Static.Share, c.Storage.S3.Enabled = share, s3
		if got := sharesAssets(&c); got != want {
			t.Errorf("share %q, S3 %t: %t", share, s3, got)
		}
	}
	f("auto", true, true)
	f("auto", false, false)
	f("always", false, true)
	f("never", true, false)
}
