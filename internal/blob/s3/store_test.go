package s3_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/internal/blob"
	"holdfast/internal/blob/blobtest"
	"holdfast/internal/blob/s3"
	"holdfast/internal/s3test"
	"holdfast/internal/secret"
	"holdfast/internal/unit"
)

func config(server *s3test.Server, bucket string) s3.Config {
	c := s3.DefaultConfig()
	c.Enabled = true
	c.EndpointURL = server.URL
	c.BucketName = bucket
	c.AccessKeyID = secret.New(server.AccessKey)
	c.SecretKey = secret.New(server.SecretKey)
	c.Region = server.Region
	c.PartSize = 5 << 20
	c.Timeout = unit.Duration(10 * time.Second)
	return c
}

func open(t *testing.T, c s3.Config) *s3.Store {
	t.Helper()
	store, err := s3.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.EnsureBucket(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	return store
}

// S0-37, S1-31: the same conformance suite as the disk, and what else must hold on any server, on independent ones. Each
// server is started once.
func TestStoreOnVersitygw(t *testing.T) { runAll(t, s3test.Versitygw(t), "versitygw") }

func TestStoreOnCephRGW(t *testing.T) { runAll(t, s3test.CephRGW(t), "Ceph RGW") }

func runAll(t *testing.T, server *s3test.Server, name string) {
	t.Helper()
	t.Run("the contract is kept", func(t *testing.T) { runSuite(t, server) })
	for what, run := range map[string]func(*testing.T, *s3test.Server){
		"what it can do is documented":                            checkAbilities(name),
		"a wrong setting is named":                                wrongSettings,
		"a wrong clock is named":                                  wrongClock,
		"TLS works in both styles of address":                     bothStyles,
		"bytes of two blobs never mix":                            neverMixed,
		"a lost answer is not taken for a failure":                lostAnswers,
		"what breaks off leaves no half blob":                     brokenOff,
		"a move that breaks off is finished by the next":          brokenMoves,
		"many large uploads and downloads at once do not disturb": manyLarge,
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			run(t, server.Door(t))
		})
	}
}

func runSuite(t *testing.T, server *s3test.Server) {
	t.Helper()
	var n atomic.Int64
	blobtest.Run(t, func(t *testing.T) blob.Store {
		c := config(server, "suite")
		c.Prefix = fmt.Sprintf("run%d/", n.Add(1))
		if os.Getenv("HOLDFAST_SOAK") != "" {
			c.PartSize = 16 << 20 // versitygw cannot describe a thousand parts on ext4
		}
		return open(t, c)
	})
}

// manyLarge sends and reads blobs of several parts side by side.
func manyLarge(t *testing.T, server *s3test.Server) {
	store := open(t, config(server, "many"))
	data := noise(6 << 20)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			name := blob.Name(fmt.Sprintf("blobs/00/%d", i))
			if _, err := store.Put(t.Context(), name, bytes.NewReader(data), options(name, data)); err != nil {
				t.Error(err)
				return
			}
			wantBlob(t, store, name, data)
		})
	}
	wg.Wait()
}

// noise returns n bytes that do not repeat.
func noise(n int) []byte {
	data := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(data) // documented never to fail
	return data
}

// put stores a blob with a sidecar that is its name.
func put(t *testing.T, s blob.Store, name blob.Name, data []byte) {
	t.Helper()
	if _, err := s.Put(t.Context(), name, bytes.NewReader(data), options(name, data)); err != nil {
		t.Fatalf("put %s: %v", name, err)
	}
}

func options(name blob.Name, data []byte) blob.PutOptions {
	return blob.PutOptions{Size: int64(len(data)), Sidecar: func() ([]byte, error) { return []byte(name), nil }}
}

// wantBlob fails the test unless the blob has this content and a sidecar.
func wantBlob(t *testing.T, s blob.Store, name blob.Name, data []byte) {
	t.Helper()
	got, err := read(t, s, name)
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("%s has %d bytes, %v; want %d", name, len(got), err, len(data))
	}
	if side, err := s.Sidecar(t.Context(), name); err != nil || len(side) == 0 {
		t.Errorf("sidecar of %s: %q, %v", name, side, err)
	}
}

func read(t *testing.T, s blob.Store, name blob.Name) ([]byte, error) {
	t.Helper()
	b, err := s.Open(t.Context(), name)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	return io.ReadAll(b)
}

// names returns everything that the store lists.
func names(t *testing.T, s blob.Store) []blob.Name {
	t.Helper()
	var all []blob.Name
	err := s.List(t.Context(), "", "", func(i blob.Info) bool { all = append(all, i.Name); return true })
	if err != nil {
		t.Errorf("list: %v", err)
	}
	return all
}
