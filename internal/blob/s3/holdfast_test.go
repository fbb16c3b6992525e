package s3_test

import (
	"strings"
	"testing"

	"holdfast/internal/pgtest"
	"holdfast/internal/s3api"
	"holdfast/internal/s3api/s3apitest"
	"holdfast/internal/s3test"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// One Holdfast may keep its files in another: what we serve must be good enough for what we ask.
func TestStoreOnAnotherHoldfast(t *testing.T) {
	e := s3apitest.Start(t, s3apitest.Options{
		Config: func(c *s3api.Config) { c.Hosts = []string{"https://" + s3test.Domain} },
	})
	address := strings.TrimPrefix(e.URL, "http://")
	runAll(t, s3test.At(t, address, e.Key.ID, e.Key.Secret.Reveal(), e.Region), "Holdfast")
}
