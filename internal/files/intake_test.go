package files

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
)

func TestAnIntakeEndsWithTheReasonInPlaceOfEOF(t *testing.T) {
	t.Parallel()
	right := sha256.Sum256([]byte("hello"))
	announce := func(sum []byte) *digest {
		d, err := announcedDigest(http.Header{"Content-Digest": {"sha-256=:" + base64.StdEncoding.EncodeToString(sum) + ":"}})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	f := func(name string, in io.Reader, d *digest, want error) {
		t.Helper()
		got, err := io.ReadAll(newIntake(t.Context(), in, d))
		if !errors.Is(err, want) || err == nil && string(got) != "hello" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	f("plain", strings.NewReader("hello"), nil, nil)
	f("right digest", strings.NewReader("hello"), announce(right[:]), nil)
	f("wrong digest", strings.NewReader("hellO"), announce(right[:]), errDigest)
	f("stalled", iotest.ErrReader(os.ErrDeadlineExceeded), nil, errSlow)
	f("reset", iotest.ErrReader(io.ErrUnexpectedEOF), nil, errBroken)
}

func TestADigestThatCannotBeReadIsRefusedAndOthersAreIgnored(t *testing.T) {
	t.Parallel()
	if _, err := announcedDigest(http.Header{"Content-Digest": {"sha-256=:AAAA:"}}); !errors.Is(err, errDigest) {
		t.Error(err)
	}
	if d, err := announcedDigest(http.Header{"Content-Digest": {"sha-512=:AAAA:"}}); d != nil || err != nil {
		t.Error(d, err)
	}
}

// Threat "slow uploads": a peer that sends a byte now and then is cut off after a window, one at 2 KB/s is not.
func TestAnUploadBelowTheLeastRateIsCutOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		read := func(chunk int, every time.Duration, times int) error {
			in := newIntake(t.Context(), &drip{bytes.Repeat([]byte("x"), chunk), every, times}, nil)
			_, err := io.Copy(io.Discard, in)
			return err
		}
		if err := read(10, time.Second, 120); !errors.Is(err, errSlow) {
			t.Errorf("10 B/s: %v", err)
		}
		if err := read(2048, time.Second, 120); err != nil {
			t.Errorf("2 KB/s: %v", err)
		}
	})
}

// drip gives a chunk every so often.
type drip struct {
	chunk []byte
	every time.Duration
	left  int
}

func (d *drip) Read(p []byte) (int, error) {
	if d.left == 0 {
		return 0, io.EOF
	}
	d.left--
	<-time.After(d.every)
	return copy(p, d.chunk), nil
}
