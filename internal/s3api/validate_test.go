package s3api

import (
	"strings"
	"testing"
)

func TestTheDefaultsAreValid(t *testing.T) {
	t.Parallel()
	if p := DefaultConfig().Validate(); len(p) != 0 {
		t.Fatal(p)
	}
}

func TestEveryMistakeInTheTableIsNamed(t *testing.T) {
	t.Parallel()
	f := func(key string, change func(*Config)) {
		t.Helper()
		c := DefaultConfig()
		change(&c)
		p := c.Validate()
		if len(p) != 1 || p[0].Key != key || p[0].Hint == "" {
			t.Errorf("want one problem of %s with a hint, got %v", key, p)
		}
	}
	f("listen", func(c *Config) { c.Listen = "9000" })
	f("listen", func(c *Config) { c.Listen = ":9000" })
	f("listen", func(c *Config) { c.Listen = "0.0.0.0:9000" })
	f("listen", func(c *Config) { c.Listen = "203.0.113.7:9000" })
	f("tls_cert", func(c *Config) { c.TLSCert = "cert.pem" })
	f("tls_cert", func(c *Config) { c.TLSCert, c.TLSKey = "absent.pem", "absent.key" })
	f("hosts", func(c *Config) { c.Hosts = []string{"*.example.com"} })
	f("hosts", func(c *Config) { c.Hosts = []string{"https://example.com/files"} })
	f("hosts", func(c *Config) { c.Hosts = []string{"ftp://example.com"} })
	f("region", func(c *Config) { c.Region = "a/b" })
	f("min_rate", func(c *Config) { c.MinRate = -1 })
	f("max_in_flight", func(c *Config) { c.MaxInFlight = -1 })
}

func TestPrivateAddressesAndPublicNamesAreAccepted(t *testing.T) {
	t.Parallel()
	c := DefaultConfig()
	c.Hosts = []string{"files.example.com", "https://Files.example.com:9000/", "http://localhost:9000"}
	for _, listen := range []string{"127.0.0.1:0", "[::1]:9000", "10.0.0.5:9000", "localhost:9000", "unix:/run/s3.sock"} {
		c.Listen = listen
		if p := c.Validate(); len(p) != 0 {
			t.Errorf("%s: %v", listen, p)
		}
	}
	if h, _ := hostName("https://Files.example.com:9000/"); h != "files.example.com:9000" || strings.ToLower(h) != h {
		t.Errorf("host name %q", h)
	}
}
