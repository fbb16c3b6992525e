package cacheserver_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"holdfast/internal/cacheserver"
)

// Random commands with random arguments get the answers of Redis, in any order of members. HOLDFAST_SOAK runs many more.
func TestRandomCommandsAreAnsweredAsByRedis(t *testing.T) {
	t.Parallel()
	rounds := 4000
	if os.Getenv("HOLDFAST_SOAK") != "" {
		rounds = 400_000
	}
	socket := redisServer(t)
	_, c := start(t, func(c *cacheserver.Config) { c.Listen = "" })
	ours, theirs := dial(t, "unix", c.Socket), dial(t, "unix", socket)
	names := strings.Fields("get set setnx setex getset getex getdel mget mset msetnx append strlen getrange setrange incr decr incrby decrby " +
		"incrbyfloat del exists touch expire expireat ttl persist type rename renamenx dbsize keys hset hmset hsetnx hget hmget hdel hlen hexists hstrlen " +
		"hkeys hvals hgetall hincrby hincrbyfloat sadd srem smembers sismember smismember scard smove sinter sunion sdiff sinterstore sunionstore " +
		"sdiffstore multi exec discard watch unwatch select echo ping")
	words := strings.Fields("a b c d a b c d x y 0 1 -1 5 100 1000 3.5 -2.25 1e3 007 +1 nx xx gt lt ex exat keepttl persist get 9223372036854775807 * [ab] ?")
	const seed = 7
	r := rand.New(rand.NewPCG(seed, seed))
	var history []string
	for n := range rounds {
		args := []string{names[r.IntN(len(names))]}
		for range 1 + r.IntN(4) {
			args = append(args, words[r.IntN(len(words))])
		}
		if r.IntN(300) == 0 {
			args = []string{"flushall"}
		}
		if args[0] == "setrange" || args[0] == "getrange" { // no strings of gigabytes
			args = append(args[:2:2], words[10+r.IntN(6)], "1")
		}
		if slices.Contains([]string{"set", "setex", "getex", "expire"}, args[0]) { // nothing ends while the test runs
			for i, word := range args {
				if word == "1" || word == "5" {
					args[i] = "1000"
				}
			}
		}
		a, b := sorted(ours.do(args...)), sorted(theirs.do(args...))
		history = append(history, fmt.Sprintf("%q: %s", args, a))
		if a != b {
			t.Fatalf("command %d, %q:\n  here  %s\n  redis %s\nafter\n  %s", n, args, a, b, strings.Join(history[max(0, n-40):], "\n  "))
		}
	}
}
