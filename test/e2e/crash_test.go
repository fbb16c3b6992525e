package e2e_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"holdfast/test/program"

	"github.com/minio/minio-go/v7"
)

const (
	crashWriters = 6
	crashKeys    = 8 // of each writer
	crashRounds  = 15
	soakRounds   = 1000
)

// S0-33, S1-46, principle "acknowledged means durable": the daemon and its own PostgreSQL are killed at random moments
// under writes through the S3 endpoint, again and again. Every acknowledged object is there and whole, every object that
// is listed can be read and is one that was written, and what was deleted stays away.
func TestNothingAcknowledgedIsLostWhenTheProcessIsKilled(t *testing.T) {
	t.Parallel()
	rounds := crashRounds
	if soak() {
		rounds = soakRounds
	}
	site := newSite(t, nil).set("files.trash_keep", "1s", "media.reserve", "64MB")
	n := site.serve()
	key := site.newKey()
	site.Must("files", "bucket", "create", "papers")
	l := newLedger()
	for round := range rounds {
		c := n.client(key)
		l.check(t, c)
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
		crash(n, c, l)
		n = site.begin()
		for rand.N(4) == 0 { // killed while it starts, and recovers
			<-time.After(rand.N(500 * time.Millisecond))
			n.Kill()
			n = site.begin()
		}
		n.ready()
	}
	l.check(t, n.client(key))
	t.Logf("%d rounds, %d writes acknowledged, %d not; %d objects at the end", rounds, l.acknowledged, l.unknown, l.objects())
	if l.acknowledged < 3*rounds {
		t.Error("too few writes to mean anything")
	}
}

// crash writes until the daemon is killed, at a random moment after a random number of writes.
func crash(n *node, c *client, l *ledger) {
	enough, deadline := l.count()+rand.N(30), time.After(5*time.Second)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var all sync.WaitGroup
	for w := range crashWriters {
		all.Go(func() {
			for ctx.Err() == nil {
				l.write(ctx, c, fmt.Sprintf("w%d/%d", w, rand.N(crashKeys)))
			}
		})
	}
	for late := false; l.count() < enough && !late; {
		select {
		case <-time.After(time.Millisecond):
		case <-deadline:
			late = true
		}
	}
	<-time.After(rand.N(30 * time.Millisecond))
	n.Kill()
	cancel()
	all.Wait()
}

// ledger is what the writers said, and so what may be stored. A key has one writer at a time.
type ledger struct {
	mu           sync.Mutex // protects the following
	allowed      map[string]map[string]bool
	acknowledged int
	unknown      int
}

// absent stands among digests for no object.
const absent = "absent"

func newLedger() *ledger { return &ledger{allowed: map[string]map[string]bool{}} }

// write puts or deletes something, and notes what is certain afterwards.
func (l *ledger) write(ctx context.Context, c *client, key string) {
	var want string
	var act func() error
	switch kind := rand.N(20); {
	case kind < 3:
		want, act = absent, func() error { return c.RemoveObject(ctx, "papers", key, minio.RemoveObjectOptions{}) }
	case kind == 3:
		body := random(5<<20 + rand.N(1<<20))
		want, act = digest(body), func() error { return putInParts(ctx, c, key, body) }
	default:
		body := random(rand.N(64 << rand.N(12)))
		want, act = digest(body), func() error {
			_, err := c.PutObject(ctx, "papers", key, bytes.NewReader(body), int64(len(body)), minio.PutObjectOptions{DisableMultipart: true})
			return err
		}
	}
	l.expect(key, want)
	err := act()
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.unknown++ // it may have been done, or not
		return
	}
	l.acknowledged++
	l.allowed[key] = map[string]bool{want: true}
}

func (l *ledger) expect(key, want string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.allowed[key] == nil {
		l.allowed[key] = map[string]bool{absent: true}
	}
	l.allowed[key][want] = true
}

// count returns how many writes were acknowledged.
func (l *ledger) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.acknowledged
}

func (l *ledger) objects() int {
	n := 0
	for _, allowed := range l.allowed {
		if !allowed[absent] {
			n++
		}
	}
	return n
}

// check compares what is stored with what may be, and takes it for what is certain from now on.
func (l *ledger) check(t *testing.T, c *client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), program.CallLimit)
	defer cancel()
	found := map[string]string{}
	for o := range c.ListObjects(ctx, "papers", minio.ListObjectsOptions{Recursive: true}) {
		if o.Err != nil {
			t.Fatalf("list: %v", o.Err)
		}
		body, err := read(ctx, c, o.Key)
		if err != nil || int64(len(body)) != o.Size {
			t.Errorf("%s is listed with %d bytes; reading it gives %d, %v", o.Key, o.Size, len(body), err)
		}
		found[o.Key] = digest(body)
	}
	for key, allowed := range l.allowed {
		got, ok := found[key]
		if !ok {
			got = absent
		}
		if !allowed[got] {
			t.Errorf("%s is %.12s, and may be one of %d others", key, got, len(allowed))
		}
		l.allowed[key] = map[string]bool{got: true}
		delete(found, key)
	}
	for key := range found {
		t.Errorf("%s is listed, and nobody wrote it", key)
	}
}

func read(ctx context.Context, c *client, key string) ([]byte, error) {
	o, err := c.GetObject(ctx, "papers", key, minio.GetObjectOptions{})
	if err != nil {
		return nil, err
	}
	defer o.Close()
	return io.ReadAll(o)
}

// putInParts uploads in parts of 5 MB, the least that S3 allows.
func putInParts(ctx context.Context, c *client, key string, body []byte) error {
	_, err := c.PutObject(ctx, "papers", key, bytes.NewReader(body), int64(len(body)),
		minio.PutObjectOptions{PartSize: 5 << 20, NumThreads: 1})
	return err
}

// random returns bytes that nobody else has.
func random(n int) []byte {
	b := make([]byte, n)
	g := rand.NewPCG(rand.Uint64(), rand.Uint64())
	for i := range b {
		if i%8 == 0 {
			v := g.Uint64()
			for j := i; j < min(i+8, n); j++ {
				b[j] = byte(v >> (8 * (j - i)))
			}
		}
	}
	return b
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
