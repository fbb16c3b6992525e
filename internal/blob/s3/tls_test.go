package s3_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/internal/blob"
	"holdfast/internal/blob/s3"
	"holdfast/internal/fault"
	"holdfast/internal/s3test"
	"holdfast/internal/secret"
)

// secure returns the settings of a server behind TLS, whose name is s3.test, and the address to dial.
func secure(t *testing.T, server *s3test.Server, until time.Time, names ...string) (s3.Config, string) {
	t.Helper()
	address, ca := server.TLS(t, until, names...)
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	c := config(server, "secure")
	c.EndpointURL = "https://" + net.JoinHostPort(s3test.Domain, port) + "/"
	c.CAFile = ca
	return c, address
}

func tomorrow() time.Time { return time.Now().Add(24 * time.Hour) }

// S0-37, S0-43: custom CA, path and virtual-host style, prefix, trailing slash, on every independent server.
func bothStyles(t *testing.T, server *s3test.Server) {
	cfg, address := secure(t, server, tomorrow(), s3test.Domain, "*."+s3test.Domain)
	for _, style := range []string{"path", "virtual"} {
		c := cfg
		c.Addressing, c.Prefix = style, "deep/"+style+"/"
		store, err := s3.NewVia(c, address)
		if err != nil {
			t.Fatal(err)
		}
		if err := store.EnsureBucket(t.Context(), true); err != nil {
			t.Fatalf("%s: %v", style, err)
		}
		liveOnce(t, store)
	}
}

// liveOnce puts, reads, lists and deletes a blob in parts and a small one.
func liveOnce(t *testing.T, store *s3.Store) {
	t.Helper()
	if err := store.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, size := range map[blob.Name]int{"blobs/00/small": 1000, "blobs/00/large": 11 << 20} {
		data := noise(size)
		put(t, store, name, data)
		if err := store.Move(t.Context(), name, "trash/"+name); err != nil {
			t.Fatal(err)
		}
		wantBlob(t, store, "trash/"+name, data)
		if got := names(t, store); len(got) != 1 || got[0] != "trash/"+name {
			t.Errorf("the store lists %v", got)
		}
		if err := store.Delete(t.Context(), "trash/"+name); err != nil {
			t.Fatal(err)
		}
	}
}

func TestACertificateThatProvesNothingIsRefused(t *testing.T) {
	t.Parallel()
	server := s3test.Versitygw(t)
	f := func(why, code, hint string, until time.Time, names []string, change func(*s3.Config)) {
		t.Helper()
		cfg, address := secure(t, server, until, names...)
		change(&cfg)
		store, err := s3.NewVia(cfg, address)
		if err != nil {
			t.Fatal(err)
		}
		wantFault(t, why, store.EnsureBucket(t.Context(), true), code, hint)
	}
	good := []string{s3test.Domain}
	f("an authority that nobody named", "s3_tls", "ca_file", tomorrow(), good, func(c *s3.Config) { c.CAFile = "" })
	f("the wrong authority", "s3_tls", "ca_file", tomorrow(), good, func(c *s3.Config) {
		_, c.CAFile = server.TLS(t, tomorrow(), s3test.Domain)
	})
	f("a certificate of another name", "s3_tls", "endpoint_url", tomorrow(), []string{"other.test"}, func(*s3.Config) {})
	f("a certificate that is over", "s3_tls", "clock", time.Now().Add(-time.Hour), good, func(*s3.Config) {})
	f("no certificate for the bucket's host", "s3_tls", "*.", tomorrow(), good, func(c *s3.Config) { c.Addressing = "virtual" })
	f("no TLS to a service that wants it", "s3_request", "https", tomorrow(), good, func(c *s3.Config) {
		c.EndpointURL = strings.Replace(c.EndpointURL, "https", "http", 1)
	})
}

func TestTLSToAServiceThatHasNoneIsNamed(t *testing.T) {
	t.Parallel()
	c := config(s3test.Versitygw(t), "plain")
	c.EndpointURL = strings.Replace(c.EndpointURL, "http", "https", 1)
	store, err := s3.New(c)
	if err != nil {
		t.Fatal(err)
	}
	wantFault(t, "TLS", store.EnsureBucket(t.Context(), true), "s3_scheme", "http")
}

func TestACAFileThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{empty, empty + ".missing"} {
		c := s3.DefaultConfig()
		c.EndpointURL, c.BucketName, c.CAFile = "https://s3.test", "files", file
		c.AccessKeyID, c.SecretKey = secret.New("id"), secret.New("key")
		_, err := s3.New(c)
		wantFault(t, file, err, "s3_ca", "")
	}
}

// wantFault fails the test unless the error has the code, and the hint contains the words.
func wantFault(t *testing.T, why string, err error, code, hint string) {
	t.Helper()
	if err == nil || fault.CodeOf(err) != code || !strings.Contains(fault.HintOf(err), hint) {
		t.Errorf("%s: got %v (code %s, hint %q), want code %s and %q in the hint",
			why, err, fault.CodeOf(err), fault.HintOf(err), code, hint)
	}
}
