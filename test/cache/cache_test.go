package cache_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"holdfast/internal/cacheserver"
	"holdfast/internal/secret"
)

const password = "correct-horse-battery-staple"

// program returns the path of a command, or fails with the line that installs it.
func program(t testing.TB, name, install string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is missing: %s", name, install)
	}
	return path
}

func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "hf")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// overServers runs a test against Holdfast and against Redis itself; url leads to it.
func overServers(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	t.Run("holdfast", func(t *testing.T) {
		t.Parallel()
		test(t, holdfast(t, false))
	})
	t.Run("relay", func(t *testing.T) {
		t.Parallel()
		test(t, holdfast(t, true))
	})
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		test(t, "unix://"+redisServer(t))
	})
}

func holdfast(t testing.TB, relay bool) string {
	t.Helper()
	c := cacheserver.DefaultConfig()
	c.Enabled, c.Listen, c.Socket = true, "127.0.0.1:0", filepath.Join(shortDir(t), "cache.sock")
	if relay {
		c.Redis = "unix://" + redisServer(t)
	}
	s, err := cacheserver.New(cacheserver.Options{Config: c, Password: secret.New(password), Log: slog.New(slog.DiscardHandler), Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return "redis://:" + password + "@" + s.Addr() + "/0"
}

func redisServer(t testing.TB) (socket string) {
	t.Helper()
	dir := shortDir(t)
	socket = filepath.Join(dir, "r.sock")
	cmd := exec.Command(program(t, "redis-server", "apt-get install redis-server"),
		"--port", "0", "--unixsocket", socket, "--save", "", "--dir", dir, "--logfile", filepath.Join(dir, "log"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range 1500 {
		if conn, err := net.Dial("unix", socket); err == nil {
			_ = conn.Close()
			return socket
		}
		<-tick.C
	}
	t.Fatal("redis-server does not start")
	return ""
}

// run runs a program with the URL in REDIS_URL, and counts the steps that it says are ok.
func run(t *testing.T, url, dir string, steps int, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "REDIS_URL="+url, "PYTHONDONTWRITEBYTECODE=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if n := strings.Count(string(out), "ok "); n != steps {
		t.Errorf("%d steps of %d:\n%s", n, steps, out)
	}
}

// Debian's Python has the libraries.
const python = "/usr/bin/python3"

// Row S1-27: redis-py with its locks, pipelines, scans and subscriptions, over RESP2.
func TestRedisPy(t *testing.T) {
	t.Parallel()
	overServers(t, func(t *testing.T, url string) { run(t, url, "py", 9, python, "redispy.py") })
}

// Row S1-27: what Django's own RedisCache sends since Django 4.0. Debian has Django 3.2, so its calls are made without it.
func TestTheCallsOfDjangosOwnBackend(t *testing.T) {
	t.Parallel()
	overServers(t, func(t *testing.T, url string) { run(t, url, "py", 11, python, "djangoown.py") })
}

// Row S1-27: django-redis, which Django 3.2 uses.
func TestDjangoRedis(t *testing.T) {
	t.Parallel()
	overServers(t, func(t *testing.T, url string) { run(t, url, "py", 9, python, "djangoredis.py") })
}

// Row S1-27, S1-28: Flask-Caching over cachelib, with a decorated function and its timeout.
func TestFlaskCaching(t *testing.T) {
	t.Parallel()
	overServers(t, func(t *testing.T, url string) {
		if strings.HasPrefix(url, "unix:") {
			url += "?db=0"
		}
		run(t, url, "py", 6, python, "flaskcaching.py")
	})
}

// Row S1-26: two prefixes have two lifetimes, by the settings of the framework alone.
func TestTwoPrefixesHaveTwoLifetimes(t *testing.T) {
	t.Parallel()
	overServers(t, func(t *testing.T, url string) {
		if strings.HasPrefix(url, "unix:") {
			url += "?db=0"
		}
		run(t, url, "py", 4, python, "prefixes.py")
	})
}

func TestNodeRedis(t *testing.T) {
	t.Parallel()
	node := program(t, "node", "apt-get install nodejs npm")
	if _, err := os.Stat("js/node_modules/redis"); err != nil {
		t.Fatal("node-redis is needed for this test: npm ci --prefix test/cache/js")
	}
	overServers(t, func(t *testing.T, url string) { run(t, url, "js", 7, node, "client.mjs") })
}

func TestGoRedis(t *testing.T) {
	t.Parallel()
	overServers(t, func(t *testing.T, url string) {
		o, err := redis.ParseURL(url)
		if err != nil {
			t.Fatal(err)
		}
		c := redis.NewClient(o)
		defer c.Close()
		ctx := t.Context()
		pipe := c.TxPipeline()
		pipe.Set(ctx, "a", "1", time.Minute)
		n := pipe.Incr(ctx, "a")
		if _, err := pipe.Exec(ctx); err != nil || n.Val() != 2 {
			t.Errorf("transaction: %d, %v", n.Val(), err)
		}
		if err := c.HSet(ctx, "h", map[string]any{"x": 1, "y": "two"}).Err(); err != nil {
			t.Error(err)
		}
		if m := c.HGetAll(ctx, "h").Val(); len(m) != 2 || m["y"] != "two" {
			t.Errorf("hash: %v", m)
		}
		sub := c.Subscribe(ctx, "news")
		defer sub.Close()
		if _, err := sub.Receive(ctx); err != nil {
			t.Fatal(err)
		}
		c.Publish(ctx, "news", "hello")
		if m, err := sub.ReceiveMessage(ctx); err != nil || m.Payload != "hello" {
			t.Errorf("message: %v, %v", m, err)
		}
		for i := range 500 {
			c.SAdd(ctx, "all", fmt.Sprint(i))
			c.Set(ctx, fmt.Sprint("k:", i), i, 0)
		}
		found := map[string]bool{}
		for it := c.Scan(ctx, 0, "k:*", 20).Iterator(); it.Next(ctx); {
			found[it.Val()] = true
		}
		if len(found) != 500 || c.SCard(ctx, "all").Val() != 500 {
			t.Errorf("scan: %d; set: %d", len(found), c.SCard(ctx, "all").Val())
		}
		if err := c.Get(ctx, "nothing").Err(); err != redis.Nil {
			t.Errorf("a key that is not there: %v", err)
		}
	})
}

func TestRedisCLI(t *testing.T) {
	t.Parallel()
	url := holdfast(t, false)
	cli := program(t, "redis-cli", "apt-get install redis-tools")
	cmd := exec.Command(cli, "--no-auth-warning", "-u", url)
	cmd.Stdin = strings.NewReader("SET a \"x y\"\nGET a\nHELLO 3\nHSET h f v\nHGETALL h\nLPUSH l 1\nINFO server\nCOMMAND COUNT\n")
	out, err := cmd.CombinedOutput()
	for _, want := range []string{"OK", "x y", "f v", "unknown command 'LPUSH'", "redis_version:7"} {
		if !strings.Contains(strings.ReplaceAll(string(out), "f\nv", "f v"), want) {
			t.Errorf("no %q in\n%s (%v)", want, out, err)
		}
	}
}
