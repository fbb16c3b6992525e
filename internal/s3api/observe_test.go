package s3api_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/internal/lifecycle"
	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/s3api"
	"holdfast/internal/s3api/s3apitest"
)

// meter remembers what it hears.
type meter struct {
	mu    sync.Mutex // protects the following
	heard []string
}

func (m *meter) Request(operation string, status int, received, sent int64, took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if received < 0 || sent < 0 || took <= 0 {
		operation += " without measure"
	}
	m.heard = append(m.heard, operation)
	_ = status
}

// lockedBuffer is a log that many goroutines write.
type lockedBuffer struct {
	mu sync.Mutex // protects the following
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Every request leaves one line with who, what, how much and how it ended, and no secret in it.
func TestEveryRequestIsLoggedAndCountedWithoutSecrets(t *testing.T) {
	t.Parallel()
	out, m := &lockedBuffer{}, &meter{}
	e := s3apitest.Start(t, s3apitest.Options{
		Log: slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: slog.LevelDebug})), Meter: m,
	})
	c := newClient(t, e)
	c.mustBucket("bkt")
	c.mustPut("/bkt/k\"{%0a}", "body")
	link := c.presign("GET", "/bkt/missing", time.Minute)
	c.open("GET", link, "").want(t, 404, "NoSuchKey")
	c.open("GET", link+"x", "")
	c.stranger("GET", "/bkt/k", "", "Authorization: Bearer topsecrettoken")
	lifecycletest.Eventually(t, 5*time.Second, func() error {
		m.mu.Lock()
		defer m.mu.Unlock()
		if got := strings.Join(m.heard, " "); got != "CreateBucket PutObject GetObject none none" {
			return errHeard(got)
		}
		return nil
	})
	text := out.text()
	for _, want := range []string{`"op":"PutObject"`, `"key_id":"` + c.key.ID, `"status":200`, `"received":4`, `"took":`, `"code":"NoSuchKey"`, `k\"{\n}`} {
		if !strings.Contains(text, want) {
			t.Errorf("the log lacks %s:\n%s", want, text)
		}
	}
	for _, secret := range []string{c.key.Secret.Reveal(), "X-Amz-Signature", "Signature=", "topsecrettoken"} {
		if strings.Contains(text, secret) {
			t.Errorf("the log holds %q:\n%s", secret, text)
		}
	}
}

type errHeard string

func (e errHeard) Error() string { return "the meter heard: " + string(e) }

func TestTheEndpointKeepsTheLifecycleContract(t *testing.T) {
	t.Parallel()
	e := s3apitest.Start(t, s3apitest.Options{})
	cfg := s3api.DefaultConfig()
	cfg.Listen = "127.0.0.1:0"
	lifecycletest.Stress(t, func() lifecycle.Service { return s3api.New(cfg, e.Index, slog.New(slog.DiscardHandler), nil) })
}
