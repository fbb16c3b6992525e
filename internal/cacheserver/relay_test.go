package cacheserver_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/cacheserver"
	"holdfast/internal/certtest"
	"holdfast/internal/secret"
)

// Row C-19: an existing Redis can be kept behind: clients log in here with our password, we there with its own.
func TestClientsAreRelayedToAServerBehind(t *testing.T) {
	t.Parallel()
	const theirs = "the-password-of-the-server"
	socket := redisServer(t, "--requirepass", theirs)
	s, c := start(t, func(c *cacheserver.Config) {
		c.Redis, c.RedisPassword = "unix://"+socket, secret.New(theirs)
	})
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := dial(t, "tcp", s.Addr())
	p.want("-NOAUTH Authentication required.", "GET a")
	p.want("-WRONGPASS invalid username-password pair or user is disabled.", "AUTH "+theirs)
	p.want("OK", "AUTH "+password)
	p.want("2", "RPUSH list a b")
	three := dial(t, "tcp", s.Addr())
	if got := three.do("HELLO", "3", "AUTH", "default", password); !strings.HasPrefix(got, "%[server redis version 7") {
		t.Error(got)
	}
	three.want("*[a b]", "LRANGE list 0 -1")
	private := dial(t, "unix", c.Socket)
	private.want("list", "TYPE list")
}

func TestAServerBehindThatDoesNotAnswerIsToldOf(t *testing.T) {
	t.Parallel()
	s, _ := start(t, func(c *cacheserver.Config) { c.Redis = "unix:///nonexistent/redis.sock" })
	if err := s.Check(context.Background()); err == nil {
		t.Error("it answers")
	}
	p := dial(t, "tcp", s.Addr())
	p.want("OK", "AUTH "+password)
	if got := show(p.read()); got != "-ERR the cache server behind Holdfast cannot be reached" {
		t.Error(got)
	}
}

// Row S1-06: one Holdfast with TLS is the cache of another: both see the same key. A stranger's certificate is refused.
func TestOneServerCanBeTheCacheOfOthers(t *testing.T) {
	t.Parallel()
	pair, err := certtest.SelfSigned(certtest.Leaf{Hosts: []string{"127.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	if err := pair.Write(cert, key); err != nil {
		t.Fatal(err)
	}
	keeper, kc := start(t, func(c *cacheserver.Config) { c.TLSCert, c.TLSKey = cert, key })
	other, _ := start(t, func(c *cacheserver.Config) {
		c.Redis, c.RedisPassword, c.RedisCAFile = "rediss://"+keeper.Addr(), secret.New(password), cert
	})
	p := login(t, other)
	p.want("OK", "SET shared 1")
	dial(t, "unix", kc.Socket).want("1", "GET shared")
	stranger, _ := start(t, func(c *cacheserver.Config) {
		c.Redis, c.RedisPassword = "rediss://"+keeper.Addr(), secret.New(password)
	})
	if err := stranger.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate that nobody vouches for: %v", err)
	}
}
