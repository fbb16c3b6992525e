package files

import (
	"bytes"
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

	"holdfast/internal/objects"
)

const (
	sniffBytes  = 3072             // what the detection of types looks at
	rateWindow  = 30 * time.Second // over which the rate of an upload is judged
	leastInRate = 30 << 10         // bytes in a window: 1 KB/s
)

// intake is the body of an upload with everything that must hold while it arrives: not too large, of the right type,
// not too slow, as announced. Whatever does not hold is returned in place of io.EOF, and aborts the write.
type intake struct {
	ctx     context.Context
	in      io.Reader
	max     int64 // bytes; 0: no limit here
	allowed string
	digest  *digest
	read    int64
	fault   error // why it ended, for explain

	windowEnd   time.Time
	windowBytes int64
}

func newIntake(ctx context.Context, in io.Reader, most int64, allowed string, d *digest) *intake {
	return &intake{ctx: ctx, in: in, max: most, allowed: allowed, digest: d, windowEnd: time.Now().Add(rateWindow)}
}

// sniff looks at the first bytes before anything is stored.
func (i *intake) sniff() error {
	if i.allowed == "" {
		return nil
	}
	head := make([]byte, sniffBytes)
	n, err := io.ReadFull(i.in, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return i.broken(err)
	}
	if found := bare(objects.Sniff(head[:n])); !matchType(i.allowed, found) {
		return errWrongType.WithHint("%s is expected, the content looks like %s", i.allowed, found)
	}
	i.in = io.MultiReader(bytes.NewReader(head[:n]), i.in)
	return nil
}

func (i *intake) Read(p []byte) (int, error) {
	n, err := i.in.Read(p)
	i.read += int64(n)
	if i.digest != nil {
		i.digest.hash.Write(p[:n])
	}
	switch {
	case i.max > 0 && i.read > i.max:
		err = errTooLarge.WithHint("at most %d bytes may be sent to this address", i.max)
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
