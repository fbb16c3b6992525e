package blob_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/internal/blob"
	"holdfast/internal/blob/mem"
)

// put stores a text.
func put(t *testing.T, s blob.Store, name blob.Name, text string) {
	t.Helper()
	if _, err := s.Put(t.Context(), name, strings.NewReader(text), blob.PutOptions{Size: int64(len(text))}); err != nil {
		t.Fatal(err)
	}
}

// broken answers Put as it is told: each call takes the next answer, and does its work first if "lost" is set.
type broken struct {
	blob.Store
	answers []error
	lost    bool
	calls   int
}

func (b *broken) Put(ctx context.Context, name blob.Name, body io.Reader, opts blob.PutOptions) (blob.Info, error) {
	b.calls++
	if b.calls > len(b.answers) {
		return b.Store.Put(ctx, name, body, opts)
	}
	if b.lost {
		if _, err := b.Store.Put(ctx, name, body, opts); err != nil {
			return blob.Info{}, err
		}
	} else if _, err := io.CopyN(io.Discard, body, 3); err != nil {
		return blob.Info{}, err
	}
	return blob.Info{}, b.answers[b.calls-1]
}

func TestAPutIsRepeatedFromWhereItsBodyBegan(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &broken{Store: mem.New(), answers: []error{blob.ErrUnavailable, blob.ErrUnavailable}}
		body := strings.NewReader("skipped, then the body")
		if _, err := body.Seek(9, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		asked := 0
		_, err := blob.Retry(store, blob.RetryOptions{}).Put(t.Context(), "a", body, blob.PutOptions{
			Size: 13, Sidecar: func() ([]byte, error) { asked++; return []byte("s"), nil },
		})
		if err != nil || store.calls != 3 || asked != 1 {
			t.Fatalf("Put: %v after %d calls, sidecar asked for %d times", err, store.calls, asked)
		}
		wantText(t, store, "a", "then the body")
	})
}

func TestAPutWhoseBodyCannotBeRewoundIsNotRepeated(t *testing.T) {
	t.Parallel()
	store := &broken{Store: mem.New(), answers: []error{blob.ErrUnavailable}}
	body := io.MultiReader(strings.NewReader("once only"))
	_, err := blob.Retry(store, blob.RetryOptions{}).Put(t.Context(), "a", body, blob.PutOptions{Size: 9})
	if !errors.Is(err, blob.ErrUnavailable) || store.calls != 1 {
		t.Errorf("Put: %v after %d calls", err, store.calls)
	}
}

func TestAPutWhoseAnswerWasLostIsRecognisedByItsSidecar(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &broken{Store: mem.New(), answers: []error{blob.ErrUnavailable}, lost: true}
		s := blob.Retry(store, blob.RetryOptions{})
		info, err := s.Put(t.Context(), "a", strings.NewReader("body"), blob.PutOptions{
			Size: 4, Sidecar: func() ([]byte, error) { return []byte("mine"), nil },
		})
		if err != nil || info.Size != 4 || info.Name != "a" {
			t.Errorf("Put = %+v, %v", info, err)
		}
	})
}

func TestAPutThatLostItsNameToAnotherIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		inner := mem.New()
		store := &broken{Store: inner, answers: []error{blob.ErrUnavailable}}
		body := &onRewind{Reader: bytes.NewReader([]byte("body")), then: func() { put(t, inner, "a", "else") }}
		_, err := blob.Retry(store, blob.RetryOptions{}).Put(t.Context(), "a", body, blob.PutOptions{
			Size: 4, Sidecar: func() ([]byte, error) { return []byte("mine"), nil },
		})
		if !errors.Is(err, blob.ErrExists) {
			t.Errorf("Put: %v, want ErrExists", err)
		}
		wantText(t, inner, "a", "else")
	})
}

// onRewind runs a function when it is set back for the second time.
type onRewind struct {
	*bytes.Reader
	seeks int
	then  func()
}

func (o *onRewind) Seek(offset int64, whence int) (int64, error) {
	if whence == io.SeekStart {
		if o.seeks++; o.seeks == 2 {
			o.then()
		}
	}
	return o.Reader.Seek(offset, whence)
}

func TestRetriesAreBoundedAndTakeLongerEachTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &counting{Store: mem.New(), err: blob.ErrUnavailable}
		start := time.Now()
		_, err := blob.Retry(store, blob.RetryOptions{Attempts: 5, First: time.Second, Longest: 3 * time.Second}).Stat(t.Context(), "a")
		took := time.Since(start)
		if !errors.Is(err, blob.ErrUnavailable) || store.calls != 5 {
			t.Errorf("Stat: %v after %d calls", err, store.calls)
		}
		if took < 4500*time.Millisecond || took > 9*time.Second { // 1+2+3+3 seconds, each halved at most
			t.Errorf("five attempts took %v", took)
		}
	})
}

func TestACancelledContextEndsThePauseBetweenAttempts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &counting{Store: mem.New(), err: blob.ErrUnavailable}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		start := time.Now()
		_, err := blob.Retry(store, blob.RetryOptions{First: time.Hour, Longest: time.Hour}).Stat(ctx, "a")
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, blob.ErrUnavailable) {
			t.Errorf("Stat: %v, want the deadline and the cause", err)
		}
		if took := time.Since(start); took != 10*time.Second {
			t.Errorf("the pause ended after %v", took)
		}
	})
}

func TestOnlyErrorsThatAreSafeAreRetried(t *testing.T) {
	t.Parallel()
	for _, cause := range []error{
		blob.ErrNotFound, blob.ErrExists, blob.ErrFull, errors.New("unknown"), context.Canceled, context.DeadlineExceeded,
	} {
		store := &counting{Store: mem.New(), err: cause}
		_, err := blob.Retry(store, blob.RetryOptions{}).Stat(t.Context(), "a")
		if !errors.Is(err, cause) || store.calls != 1 {
			t.Errorf("%v: Stat returns %v after %d calls", cause, err, store.calls)
		}
	}
}

// counting fails every Stat.
type counting struct {
	blob.Store
	err   error
	calls int
}

func (c *counting) Stat(context.Context, blob.Name) (blob.Info, error) {
	c.calls++
	return blob.Info{}, c.err
}

func wantText(t *testing.T, s blob.Store, name blob.Name, text string) {
	t.Helper()
	b, err := s.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if data, err := io.ReadAll(b); err != nil || string(data) != text {
		t.Errorf("%s holds %q, %v, want %q", name, data, err, text)
	}
}
