package s3_test

import (
	"errors"
	"sync"
	"testing"

	"holdfast/internal/blob"
	"holdfast/internal/fault"
	"holdfast/internal/s3test"
)

// S0-38: a store keeps its id, and what holds none is not taken for a store unless it may be made into one.
func TestTheStoreInABucketHasAnID(t *testing.T) {
	t.Parallel()
	server := s3test.Versitygw(t)
	c := config(server, "identity")
	c.Prefix = "files/"
	s := open(t, c)
	if id, err := s.ID(t.Context(), false); !errors.Is(err, blob.ErrUnavailable) || fault.HintOf(err) == "" {
		t.Errorf("the id of an empty bucket is %q, %v", id, err)
	}
	var ids sync.Map
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			id, err := s.ID(t.Context(), true)
			if err != nil || len(id) != 26 {
				t.Errorf("id %q, %v", id, err)
			}
			ids.Store(id, true)
		})
	}
	all.Wait()
	n := 0
	ids.Range(func(id, _ any) bool {
		n++
		if again, err := open(t, c).ID(t.Context(), false); again != id || err != nil {
			t.Errorf("later the id is %q, %v, was %q", again, err, id)
		}
		return true
	})
	if n != 1 {
		t.Errorf("%d ids for one store", n)
	}
	c.Prefix = "other/"
	if id, err := open(t, c).ID(t.Context(), false); !errors.Is(err, blob.ErrUnavailable) {
		t.Errorf("below another prefix the id is %q, %v", id, err)
	}
}
