package cacheserver

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"time"

	"holdfast/internal/resp"
)

// dialTime bounds the way to the other server, its log-in included.
const dialTime = 5 * time.Second

// relay joins clients with another server.
type relay struct {
	config           Config
	network, address string
	tls              *tls.Config // nil without
}

func newRelay(c Config) (*relay, error) {
	u, err := url.Parse(c.Redis)
	if err != nil {
		return nil, errors.New("cache.redis: not a URL")
	}
	r := &relay{config: c, network: "tcp", address: u.Host}
	if u.Scheme == "unix" {
		r.network, r.address = "unix", u.Path
		return r, nil
	}
	if u.Port() == "" {
		r.address = net.JoinHostPort(u.Hostname(), "6379")
	}
	if u.Scheme == "rediss" {
		r.tls = &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}
		if c.RedisCAFile != "" {
			pem, err := os.ReadFile(c.RedisCAFile)
			if err != nil {
				return nil, fmt.Errorf("read cache.redis_ca_file: %w", err)
			}
			if r.tls.RootCAs = x509.NewCertPool(); !r.tls.RootCAs.AppendCertsFromPEM(pem) {
				return nil, fmt.Errorf("%s holds no certificate", c.RedisCAFile)
			}
		}
	}
	return r, nil
}

// dial returns a connection to the other server, logged in, and its answer to HELLO where the client said that (greet) or speaks
// RESP3.
func (r *relay) dial(ctx context.Context, proto int, greet bool) (net.Conn, *bufio.Reader, resp.Value, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, r.network, r.address)
	if err == nil && r.tls != nil {
		t := tls.Client(conn, r.tls)
		if err = t.HandshakeContext(ctx); err != nil {
			conn.Close()
		}
		conn = t
	}
	if err != nil {
		return nil, nil, resp.Value{}, fmt.Errorf("reach the cache server: %w", err)
	}
	in := bufio.NewReader(conn)
	_ = conn.SetDeadline(time.Now().Add(dialTime))
	greeting, err := r.login(conn, in, proto, greet)
	if err != nil {
		conn.Close()
		return nil, nil, greeting, err
	}
	return conn, in, greeting, conn.SetDeadline(time.Time{})
}

// login authenticates and says HELLO where the client spoke RESP3; it returns the answer to that.
func (r *relay) login(conn net.Conn, in *bufio.Reader, proto int, greet bool) (resp.Value, error) {
	if !r.config.RedisPassword.IsZero() {
		words := []string{"AUTH", r.config.RedisPassword.Reveal()}
		if r.config.RedisUsername != "" {
			words = []string{"AUTH", r.config.RedisUsername, r.config.RedisPassword.Reveal()}
		}
		if answer, err := ask(conn, in, words...); err != nil {
			return answer, err
		}
	}
	if greet || proto == 3 {
		return ask(conn, in, "HELLO", strconv.Itoa(proto))
	}
	return ask(conn, in, "PING")
}

func ask(conn net.Conn, in *bufio.Reader, words ...string) (resp.Value, error) {
	var w resp.Writer
	w.Array(len(words))
	for _, word := range words {
		w.Text(word)
	}
	parts := w.Take()
	if _, err := parts.WriteTo(conn); err != nil {
		return resp.Value{}, fmt.Errorf("ask the cache server: %w", err)
	}
	answer, err := resp.ReadReply(in)
	if err == nil && answer.Err() != "" {
		err = errors.New(answer.Err())
	}
	if err != nil {
		return answer, fmt.Errorf("log in to the cache server: %w", err)
	}
	return answer, nil
}

// Check reports whether the other server can be reached and lets us in; nil without one.
func (s *Server) Check(ctx context.Context) error {
	if s.relay == nil {
		return nil
	}
	conn, _, _, err := s.relay.dial(ctx, 2, false)
	if err != nil {
		return err
	}
	return conn.Close()
}
