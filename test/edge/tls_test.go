package edge_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/internal/certtest"
	"holdfast/internal/edge"
)

// certificate writes a certificate for a name.
func certificate(t *testing.T, dir, name string) (edge.Certificate, *x509.CertPool) {
	t.Helper()
	c := edge.Certificate{Cert: filepath.Join(dir, name+".pem"), Key: filepath.Join(dir, name+".key")}
	pair, err := certtest.SelfSigned(certtest.Leaf{Hosts: []string{name}})
	if err == nil {
		err = pair.Write(c.Cert, c.Key)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c, pair.Pool()
}

// client speaks TLS to the edge under a name, on a new connection each time.
func client(roots *x509.CertPool, name string, fresh bool) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DisableKeepAlives: fresh, ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: name},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func over(t *testing.T, c *http.Client, url, host string) *http.Response {
	t.Helper()
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	r.Host = host
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	return resp
}

// S1-68, S1-70, S1-72, S1-77: two hosts with certificates of their own, HTTP/2, the way from HTTP to HTTPS, strangers refused.
func TestHostsHaveTheirCertificatesAndPlainHTTPLeadsToThem(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	one, roots1 := certificate(t, dir, "one.example.org")
	two, roots2 := certificate(t, dir, "two.example.org")
	c := config(startApp(t, http.HandlerFunc(echo)).url)
	c.TLSCert, c.TLSKey, c.Certificates = one.Cert, one.Key, []edge.Certificate{two}
	c.Hosts = []string{"one.example.org", "two.example.org"}
	c.RedirectHTTPS = true
	c.Listeners = []edge.Listener{{Listen: "127.0.0.1:0"}, {Listen: "127.0.0.1:0", TLS: true}}
	s := start(t, edge.Options{Config: c})
	for host, roots := range map[string]*x509.CertPool{"one.example.org": roots1, "two.example.org": roots2} {
		for _, addr := range []string{s.Addrs()[0], s.Addrs()[2]} {
			k := client(roots, host, true)
			resp := over(t, k, "https://"+addr+"/", host)
			if resp.StatusCode != http.StatusOK || resp.ProtoMajor != 2 || resp.Header.Get("Strict-Transport-Security") != "max-age=31536000" {
				t.Errorf("%s at %s: %s %s %v", host, addr, resp.Status, resp.Proto, resp.Header)
			}
		}
		resp := over(t, client(nil, "", true), "http://"+s.Addrs()[1]+"/a?b=c", host+":8080")
		if resp.StatusCode != http.StatusMovedPermanently || resp.Header.Get("Location") != "https://"+host+"/a?b=c" ||
			resp.Header.Get("Strict-Transport-Security") != "" {
			t.Errorf("plain: %s %v", resp.Status, resp.Header)
		}
	}
	if resp := over(t, client(nil, "", true), "http://"+s.Addrs()[1]+"/", "evil.org"); resp.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("a strange host by HTTP: %s", resp.Status)
	}
	if resp := over(t, client(roots1, "one.example.org", true), s.URL(), "evil.org"); resp.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("a strange host by HTTPS: %s", resp.Status)
	}
	if _, err := tls.Dial("tcp", s.Addr(), &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11}); err == nil { //nolint:noctx // fails at once
		t.Error("TLS 1.1 is spoken")
	}
}

// S1-69: a certificate is replaced under load, several times, and no handshake fails.
func TestACertificateIsReplacedUnderLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, roots := certificate(t, dir, "one.example.org")
	c := config(startApp(t, named("x")).url)
	c.TLSCert, c.TLSKey = cert.Cert, cert.Key
	s := start(t, edge.Options{Config: c})
	pair, err := certtest.SelfSigned(certtest.Leaf{Hosts: []string{"one.example.org"}})
	if err != nil {
		t.Fatal(err)
	}
	renewed := pair.Pool()
	stop := shake(t, s, roots, renewed)
	<-time.After(200 * time.Millisecond)
	if err := os.WriteFile(cert.Cert, []byte("half a certif"), 0o600); err != nil { // as a careless renewal does
		t.Fatal(err)
	}
	<-time.After(2500 * time.Millisecond)
	if err := pair.Write(cert.Cert, cert.Key); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new certificate is served", func() error {
		resp, err := client(renewed, "one.example.org", true).Get(s.URL())
		if err == nil {
			resp.Body.Close()
		}
		return err
	})
	if n, failed := stop(); failed > 0 || n < 50 {
		t.Errorf("%d of %d handshakes failed", failed, n)
	}
}

// shake makes new connections all the time, and holds either certificate for good. stop returns how many there were, and failed.
func shake(t *testing.T, s *site, roots, renewed *x509.CertPool) (stop func() (n, failed int64)) {
	t.Helper()
	over := make(chan struct{})
	var all sync.WaitGroup
	var n, failed atomic.Int64
	for range 4 {
		all.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
				}
				d := tls.Dialer{Config: &tls.Config{ServerName: "one.example.org", InsecureSkipVerify: true, VerifyConnection: func(cs tls.ConnectionState) error {
					o := x509.VerifyOptions{DNSName: "one.example.org", Roots: roots}
					if _, err := cs.PeerCertificates[0].Verify(o); err == nil {
						return nil
					}
					o.Roots = renewed
					_, err := cs.PeerCertificates[0].Verify(o)
					return err
				}}}
				conn, err := d.DialContext(t.Context(), "tcp", s.Addr())
				if n.Add(1); err != nil {
					failed.Add(1)
					t.Log(err)
					continue
				}
				conn.Close()
			}
		})
	}
	return func() (int64, int64) {
		close(over)
		all.Wait()
		return n.Load(), failed.Load()
	}
}
