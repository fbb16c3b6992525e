package blobtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"

	"holdfast/internal/blob"
)

var racing = []test{
	{"of many puts to one name exactly one wins", raceOneName},
	{"many goroutines put, read, move, list and delete", raceAll},
	{"a reader sees a blob whole or not at all", raceReaders},
}

// crowd runs f in n goroutines that start together, and waits for them.
func crowd(n int, f func(i int)) {
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	wg.Wait()
}

// rounds is how often a race is repeated.
func rounds() int {
	if soaking() {
		return 200
	}
	return 5
}

func raceOneName(t *testing.T, s blob.Store) {
	for round := range rounds() {
		name := blob.Name(fmt.Sprintf("blobs/00/contested-%d", round))
		var winner atomic.Int64
		winner.Store(-1)
		crowd(12, func(i int) {
			// Bodies and sidecars of every kind, so that no trace of a loser can hide.
			opts := blob.PutOptions{Size: int64(1000 + i), Sidecar: sidecarOf(bytesOf(fmt.Sprint(i), i*1300))}
			_, err := s.Put(t.Context(), name, bytes.NewReader(bytesOf(fmt.Sprint(i), 1000+i)), opts)
			switch {
			case err == nil && !winner.CompareAndSwap(-1, int64(i)):
				t.Errorf("%d won although %d had", i, winner.Load())
			case err != nil:
				wantError(t, "losing Put", err, blob.ErrExists)
			}
		})
		i := int(winner.Load())
		if i < 0 {
			t.Fatal("nobody won")
		}
		wantBlob(t, s, name, bytesOf(fmt.Sprint(i), 1000+i), bytesOf(fmt.Sprint(i), i*1300))
	}
}

func raceAll(t *testing.T, s blob.Store) {
	n := rounds() * 3
	crowd(16, func(i int) {
		for round := range n {
			if err := oneLife(t.Context(), s, i, round); err != nil {
				t.Error(err)
				return
			}
		}
	})
	if all := list(t, s, "", ""); len(all) != 0 {
		t.Errorf("%d blobs are left, such as %v", len(all), all[0])
	}
}

// oneLife puts, reads, moves and deletes a blob.
func oneLife(ctx context.Context, s blob.Store, i, round int) error {
	name := blob.Name(fmt.Sprintf("blobs/%02x/%d-%d", i%4, i, round))
	trash := "trash/" + name
	data, sidecar := bytesOf(string(name), 1000*i), bytesOf(string(name), 600*i)
	if _, err := s.Put(ctx, name, bytes.NewReader(data), blob.PutOptions{Size: -1, Sidecar: sidecarOf(sidecar)}); err != nil {
		return err
	}
	if err := s.Move(ctx, name, trash); err != nil {
		return err
	}
	got, err := read(ctx, s, trash)
	if err != nil || !bytes.Equal(got, data) {
		return fmt.Errorf("%s holds %s, %w", trash, brief(got), err)
	}
	if got, err = s.Sidecar(ctx, trash); err != nil || !bytes.Equal(got, sidecar) {
		return fmt.Errorf("sidecar of %s is %s, %w", trash, brief(got), err)
	}
	found := false
	err = s.List(ctx, string(trash[:len(trash)-1]), "", func(info blob.Info) bool {
		found = info.Name == trash
		return !found
	})
	if err != nil || !found {
		return fmt.Errorf("%s is not listed: %w", trash, err)
	}
	return s.Delete(ctx, trash)
}

// raceReaders opens names from the moment at which their Put began.
func raceReaders(t *testing.T, s blob.Store) {
	for round := range rounds() {
		name := blob.Name(fmt.Sprintf("blobs/00/watched-%d", round))
		data, sidecar := bytesOf(string(name), 700<<10), bytesOf(string(name), blob.MaxSidecar)
		var done atomic.Bool
		crowd(4, func(i int) {
			if i == 0 {
				defer done.Store(true)
				opts := blob.PutOptions{Size: int64(len(data)), Sidecar: sidecarOf(sidecar)}
				if _, err := s.Put(t.Context(), name, bytes.NewReader(data), opts); err != nil {
					t.Error(err)
				}
				return
			}
			for !done.Load() {
				watch(t, s, name, data, sidecar)
			}
		})
	}
}

func watch(t *testing.T, s blob.Store, name blob.Name, data, sidecar []byte) {
	got, err := read(t.Context(), s, name)
	if errors.Is(err, blob.ErrNotFound) {
		return
	}
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("a reader saw %s, %v", brief(got), err)
	}
	if got, err = s.Sidecar(t.Context(), name); err != nil || !bytes.Equal(got, sidecar) {
		t.Errorf("a reader saw the sidecar %s, %v", brief(got), err)
	}
}

func read(ctx context.Context, s blob.Store, name blob.Name) ([]byte, error) {
	b, err := s.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(b)
	return data, errors.Join(err, b.Close())
}
