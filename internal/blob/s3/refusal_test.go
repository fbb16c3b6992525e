package s3_test

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"holdfast/internal/blob"
	"holdfast/internal/blob/s3"
	"holdfast/internal/fault"
	"holdfast/internal/s3test"
	"holdfast/internal/s3wire"
	"holdfast/internal/secret"
)

// S0-44, S0-46: what the administrator reads when a setting is wrong.
func wrongSettings(t *testing.T, server *s3test.Server) {
	f := func(why, code, hint string, change func(*s3.Config)) {
		t.Helper()
		cfg := config(server, "missing")
		change(&cfg)
		store, err := s3.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		err = store.EnsureBucket(t.Context(), false)
		wantFault(t, why, err, code, hint)
		if err != nil && strings.Contains(err.Error()+fault.HintOf(err), server.SecretKey) {
			t.Errorf("%s: the error shows the secret", why)
		}
	}
	f("no bucket", "s3_no_bucket", "check --create", func(*s3.Config) {})
	f("wrong secret", "s3_denied", "secret_key", func(c *s3.Config) { c.SecretKey = secret.New("wrong") })
	f("wrong key id", "s3_denied", "access_key_id", func(c *s3.Config) { c.AccessKeyID = secret.New("wrong") })
	f("nobody there", "store_unavailable", "endpoint_url", func(c *s3.Config) { c.EndpointURL = "http://127.0.0.1:1" })
	f("no such host", "store_unavailable", "endpoint_url", func(c *s3.Config) { c.EndpointURL = "http://nowhere.invalid" })
}

func TestAWrongRegionIsNamed(t *testing.T) {
	t.Parallel()
	cfg := config(s3test.Versitygw(t), "region") // Ceph does not look at the region
	cfg.Region = "eu-north-7"
	store, err := s3.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	wantFault(t, "wrong region", store.EnsureBucket(t.Context(), true), "s3_region", "storage.s3.region")
}

// The proof is made anew with a clock that is an hour behind; the answer is the server's own.
func wrongClock(t *testing.T, server *s3test.Server) {
	store := open(t, config(server, "clock"))
	signer := s3wire.Signer{
		AccessKey: server.AccessKey, Secret: secret.New(server.SecretKey), Region: server.Region,
		Now: func() time.Time { return time.Now().Add(-time.Hour) },
	}
	server.Inject(func(_ http.ResponseWriter, r *http.Request) bool {
		payload := r.Header.Get("X-Amz-Content-Sha256")
		for _, h := range []string{"Authorization", "X-Amz-Date", "X-Amz-Content-Sha256"} {
			r.Header.Del(h)
		}
		if _, err := signer.SignHeader(r, payload); err != nil {
			t.Error(err)
		}
		return false
	})
	wantFault(t, "look for the bucket", store.EnsureBucket(t.Context(), false), "s3_clock", "clock")
	wantFault(t, "write", store.Check(t.Context()), "s3_clock", "clock")
}

func TestARefusalSaysWhatWasTriedAndWhatToDo(t *testing.T) {
	t.Parallel()
	server := s3test.Versitygw(t)
	store := open(t, config(server, "refusal"))
	f := func(method string, status int, s3code, code, hint, text string) {
		t.Helper()
		server.Inject(func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != method {
				return false
			}
			w.Header().Set("Location", "http://elsewhere.test/")
			return s3test.Refuse(w, status, s3code, "no, because of "+s3code)
		})
		err := store.Check(t.Context())
		wantFault(t, s3code, err, code, hint)
		if err != nil && !strings.Contains(err.Error(), text) {
			t.Errorf("%s: the error %q does not say %q", s3code, err, text)
		}
	}
	f("DELETE", 403, "AccessDenied", "s3_denied", "delete in", "delete from the bucket")
	f("PUT", 403, "AccessDenied", "s3_denied", "write", "write to the bucket")
	f("PUT", 307, "TemporaryRedirect", "s3_redirect", "endpoint_url", "another address")
	f("PUT", 301, "PermanentRedirect", "s3_redirect", "region", "another address")
	f("PUT", 404, "NoSuchBucket", "s3_no_bucket", "check --create", `"refusal"`)
	f("PUT", 503, "SlowDown", "store_unavailable", "runs", "because of SlowDown")
	f("PUT", 403, "QuotaExceeded", "store_full", "", "because of QuotaExceeded")
	f("PUT", 507, "InsufficientStorage", "store_full", "", "because of InsufficientStorage")
	f("PUT", 405, "MethodNotAllowed", "internal", "", "because of MethodNotAllowed")
	server.Inject(nil)
	if err := store.Check(t.Context()); err != nil {
		t.Errorf("after all: %v", err)
	}
}

// The service refuses before it has read the body, and reads no more: the reason must arrive all the same.
func TestARefusalInTheMiddleOfAnUploadIsHeard(t *testing.T) {
	t.Parallel()
	server := s3test.Versitygw(t)
	store := open(t, config(server, "early"))
	server.Inject(func(w http.ResponseWriter, r *http.Request) bool {
		return r.URL.Query().Has("partNumber") && s3test.Refuse(w, 403, "QuotaExceeded", "the quota of the bucket")
	})
	data := noise(12 << 20)
	_, err := store.Put(t.Context(), "blobs/00/a", bytes.NewReader(data), options("a", data))
	if !errors.Is(err, blob.ErrFull) || !strings.Contains(err.Error(), "the quota of the bucket") {
		t.Errorf("got %v", err)
	}
}

// S0-45: a credential that may not delete is found by the check, and a delete that is refused deletes nothing.
func TestACredentialThatMayNotDeleteLosesNothing(t *testing.T) {
	t.Parallel()
	server := s3test.Versitygw(t)
	store := open(t, config(server, "keep"))
	data := noise(6 << 20)
	put(t, store, "blobs/00/kept", data)
	server.Inject(func(w http.ResponseWriter, r *http.Request) bool {
		return r.Method == http.MethodDelete && s3test.Refuse(w, 403, "AccessDenied", "may not delete")
	})
	for _, err := range []error{
		store.Delete(t.Context(), "blobs/00/kept"), store.Move(t.Context(), "blobs/00/kept", "trash/00/kept"), store.Check(t.Context()),
	} {
		wantFault(t, "without the right to delete", err, "s3_denied", "delete")
	}
	wantBlob(t, store, "blobs/00/kept", data)
}

// Some services know neither conditional writes nor UploadPartCopy.
func TestAServiceThatKnowsLessIsGoodEnough(t *testing.T) {
	t.Parallel()
	server := s3test.Versitygw(t)
	store := open(t, config(server, "plain"))
	conditions := 0
	server.Inject(func(w http.ResponseWriter, r *http.Request) bool {
		conditional := r.Header.Get("If-None-Match") != ""
		if conditional {
			conditions++
		}
		copied := r.Header.Get("X-Amz-Copy-Source") != "" && r.URL.Query().Has("partNumber")
		return (conditional || copied) && s3test.Refuse(w, 501, "NotImplemented", "A header you provided implies functionality that is not implemented")
	})
	store.LimitCopies(7 << 20)
	var whole []byte
	parts := []blob.Name{"blobs/00/first", "blobs/00/second"}
	for i, size := range []int{8 << 20, 10} {
		data := noise(size)
		whole = append(whole, data...)
		put(t, store, "temporary", data)
		if err := store.Move(t.Context(), "temporary", parts[i]); err != nil {
			t.Fatal(err)
		}
		wantBlob(t, store, parts[i], data)
		_, err := store.Put(t.Context(), parts[i], strings.NewReader("other"), blob.PutOptions{Size: 5})
		if !errors.Is(err, blob.ErrExists) {
			t.Errorf("second put: %v", err)
		}
	}
	if _, err := store.Compose(t.Context(), "whole", parts, options("whole", whole)); err != nil {
		t.Error(err)
	}
	wantBlob(t, store, "whole", whole)
	if conditions != 1 {
		t.Errorf("conditions were tried %d times", conditions)
	}
	wantLeftOvers(t, server, store, 0)
}
