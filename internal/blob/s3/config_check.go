package s3

import (
	"net/netip"
	"net/url"
	"strings"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/secret"
	"holdfast/internal/unit"
)

// DefaultConfig returns the settings of a store that is not used.
func DefaultConfig() Config {
	return Config{
		Region: "us-east-1", Addressing: "path", PartSize: 8 << 20,
		Timeout: unit.Duration(10 * time.Second), CacheSize: 1 << 30,
	}
}

// Validate reports every mistake in the table [storage.s3]; keys are relative to it. A table that is not enabled is
// ignored as a whole.
func (c Config) Validate() fault.Problems {
	var p fault.Problems
	if !c.Enabled {
		return p
	}
	c.checkEndpoint(&p)
	if c.BucketName == "" {
		p.Add("bucket_name", "name the bucket that holds the files", "not set")
	}
	checkCredential(&p, "access_key_id", c.AccessKeyID)
	checkCredential(&p, "secret_key", c.SecretKey)
	switch c.Addressing {
	case "path", "virtual", "auto":
	default:
		p.Add("addressing", `write "path", "virtual" or "auto"`, "%q is none of the ways to address a bucket", c.Addressing)
	}
	if strings.HasPrefix(c.Prefix, "/") || strings.Contains(c.Prefix, "//") || strings.Contains(c.Prefix, "./") {
		p.Add("prefix", `write it as "files/"`, "%q has an empty segment or one that ends with a dot", c.Prefix)
	}
	if c.PartSize < minPart || c.PartSize > 5<<30 {
		p.Add("part_size", "write a size such as 16MiB", "%d bytes is not between 5MiB and 5GiB", c.PartSize)
	}
	if c.Timeout <= 0 {
		p.Add("timeout", "write a time such as 30s", "every wait needs a limit")
	}
	if c.CacheSize < 0 {
		p.Add("cache_size", "write 0 for no cache", "%d is negative", c.CacheSize)
	}
	return p
}

func (c Config) checkEndpoint(p *fault.Problems) {
	const hint = `write scheme and host, as "https://s3.example.com"`
	u, err := url.Parse(c.EndpointURL)
	switch {
	case c.EndpointURL == "":
		p.Add("endpoint_url", hint, "not set")
	case err != nil || u.Scheme != "http" && u.Scheme != "https":
		p.Add("endpoint_url", hint, "%q has no scheme http or https", c.EndpointURL)
	case u.Host == "" || u.User != nil || u.RawQuery != "" || strings.Trim(u.Path, "/") != "":
		p.Add("endpoint_url", hint, "%q is more or less than scheme and host", c.EndpointURL)
	case c.Addressing == "virtual" && isAddress(u.Hostname()):
		p.Add("addressing", `write "path", or give the service a name`, "an address such as %s has no room for a bucket's name", u.Host)
	}
}

func checkCredential(p *fault.Problems, key string, value secret.String) {
	if value.IsZero() {
		p.Add(key, "set "+key+" or "+key+"_file", "not set")
	}
}

func isAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}
