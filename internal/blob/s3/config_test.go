package s3_test

import (
	"slices"
	"testing"

	"holdfast/internal/blob/s3"
	"holdfast/internal/secret"
)

func TestValidateNamesEveryMistake(t *testing.T) {
	t.Parallel()
	f := func(want []string, change func(*s3.Config)) {
		t.Helper()
		c := s3.DefaultConfig()
		c.Enabled = true
		c.EndpointURL = "https://s3.example.com/"
		c.BucketName = "files"
		c.AccessKeyID = secret.New("id")
		c.SecretKey = secret.New("key")
		change(&c)
		var got []string
		for _, p := range c.Validate() {
			got = append(got, p.Key)
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f(nil, func(*s3.Config) {})
	f([]string{"endpoint_url"}, func(c *s3.Config) { c.EndpointURL = "s3.example.com" })             // S0-43
	f([]string{"endpoint_url"}, func(c *s3.Config) { c.EndpointURL = "ftp://s3.example.com" })       // S0-43
	f([]string{"endpoint_url"}, func(c *s3.Config) { c.EndpointURL = "https://u:p@s3.example.com" }) // a secret in a URL
	f([]string{"bucket_name"}, func(c *s3.Config) { c.BucketName = "" })                             // S0-44
	f([]string{"access_key_id", "secret_key"}, func(c *s3.Config) {                                  // S0-45, S0-46
		c.AccessKeyID, c.SecretKey = secret.String{}, secret.String{}
	})
	f([]string{"addressing", "part_size", "timeout", "cache_size"}, func(c *s3.Config) {
		c.Addressing, c.PartSize, c.Timeout, c.CacheSize = "host", 1, 0, -1
	})
	f(nil, func(c *s3.Config) { *c = s3.Config{Enabled: false, EndpointURL: "nonsense"} }) // S0-42
}
