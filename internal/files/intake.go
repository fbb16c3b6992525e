package files

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"hash"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	rateWindow  = 30 * time.Second // over which the rate of an upload is judged
	leastInRate = 30 << 10         // bytes in a window: 1 KB/s
)

// intake is the body of an upload as the connection gives it: not too slow, as announced, and with errors in our
// words. (Size and type are limited by the index.) What does not hold is returned in place of io.EOF, and aborts the
// write.
type intake struct {
	ctx    context.Context
	in     io.Reader
	digest *digest
	fault  error // why it ended, for explain

	windowEnd   time.Time
	windowBytes int64
}

func newIntake(ctx context.Context, in io.Reader, d *digest) *intake {
	return &intake{ctx: ctx, in: in, digest: d, windowEnd: time.Now().Add(rateWindow)}
}

func (i *intake) Read(p []byte) (int, error) {
	n, err := i.in.Read(p)
	if i.digest != nil {
		i.digest.hash.Write(p[:n])
	}
	switch {
	case errors.Is(err, io.EOF) && i.digest != nil && !i.digest.matches():
		err = errDigest
	case err == nil:
		err = i.pace(n)
	case !errors.Is(err, io.EOF):
		err = i.broken(err)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		i.fault = err
	}
	return n, err
}

// pace refuses a peer that sends just enough not to be cut off as stalled.
func (i *intake) pace(n int) error {
	i.windowBytes += int64(n)
	now := time.Now()
	if now.Before(i.windowEnd) {
		return nil
	}
	if i.windowBytes < leastInRate {
		return errSlow
	}
	i.windowBytes, i.windowEnd = 0, now.Add(rateWindow)
	return nil
}

// broken says in our words what the connection said in its own.
func (i *intake) broken(err error) error {
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		return errSlow
	case i.ctx.Err() != nil:
		return i.ctx.Err()
	}
	return errBroken
}

// explain prefers the reason that the intake knows to what became of it on its way through the store.
func (i *intake) explain(err error) error {
	if err == nil || i.fault == nil {
		return slotError(err)
	}
	return i.fault
}

// digest is what the client said that the bytes hash to.
type digest struct {
	hash hash.Hash
	want []byte
}

func (d *digest) matches() bool { return subtle.ConstantTimeCompare(d.hash.Sum(nil), d.want) == 1 }

// announcedDigest reads the SHA-256 of Content-Digest or Repr-Digest (RFC 9530); other algorithms are not checked.
func announcedDigest(h http.Header) (*digest, error) {
	for _, name := range []string{"Content-Digest", "Repr-Digest"} {
		for item := range strings.SplitSeq(h.Get(name), ",") {
			value, ok := strings.CutPrefix(strings.TrimSpace(item), "sha-256=:")
			if !ok {
				continue
			}
			want, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(value, ":"))
			if err != nil || len(want) != sha256.Size {
				return nil, errDigest.WithHint("write %s as sha-256=:<base64 of 32 bytes>:", name)
			}
			return &digest{sha256.New(), want}, nil
		}
	}
	return nil, nil //nolint:nilnil // no digest is announced: nothing to check
}
