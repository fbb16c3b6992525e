package cacheserver_test

import (
	"context"
	"strings"
	"testing"

	"holdfast/internal/cacheserver"
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
