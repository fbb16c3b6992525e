package objects

import (
	"crypto/md5" //nolint:gosec // S3's ETag is an MD5
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"strings"

	"github.com/gabriel-vasile/mimetype"
)

// Hashed is what a Body may also be when it computes digests itself. A digest that is not nil before the first Read is
// being computed by the body, final after io.EOF, and not computed again here.
type Hashed interface {
	MD5() []byte
	SHA256() []byte
}

// Proven is what a Body may also be whose sender proves its pieces, as the signature of each chunk of an upload does. Of a
// large one SHA-256 is not computed a second time for the whole: with MD5 that would take longer than everything else.
type Proven interface{ Proven() bool }

// sniffBytes is how much of a body is looked at to find its type.
const sniffBytes = 3072

// intake passes a body on to the store, and on the way counts, hashes, sniffs and limits it. The error with which it
// aborts a write is kept in err, since stores wrap what a reader returns.
type intake struct {
	body  io.Reader
	given Hashed // nil if the body computes nothing
	md5   hash.Hash
	sha   hash.Hash // nil if the body computes it, or nobody does
	limit int64     // bytes; 0 none
	types []string  // allowed; empty: any
	also  []string  // allowed, too: a type must be in both lists
	head  []byte    // the first sniffBytes

	n       int64
	lanes   *lanes // nil while digests are computed in line
	sniffed string
	looked  bool
	err     error
}

func newIntake(body io.Reader, limit int64, types []string) *intake {
	in := &intake{body: body, limit: limit, types: types}
	in.given, _ = body.(Hashed)
	if in.given == nil || in.given.MD5() == nil {
		in.md5 = md5.New() //nolint:gosec // see import
	}
	if in.given == nil || in.given.SHA256() == nil {
		in.sha = sha256.New()
	}
	return in
}

// Read implements io.Reader.
func (in *intake) Read(p []byte) (int, error) {
	if in.err != nil {
		return 0, in.err
	}
	n, err := in.body.Read(p)
	if n > 0 {
		in.take(p[:n])
	}
	switch {
	case in.err != nil:
	case err == io.EOF: //nolint:errorlint // io.Reader's contract is the plain value
		in.look()
	case err != nil:
		in.err = err
	}
	if in.err != nil {
		return 0, in.err
	}
	return n, err
}

// take accounts for bytes that were read.
func (in *intake) take(p []byte) {
	in.n += int64(len(p))
	if in.limit > 0 && in.n > in.limit {
		in.err = fmt.Errorf("more than %d bytes: %w", in.limit, ErrTooLarge)
		return
	}
	in.hash(p)
	switch {
	case in.looked:
	case len(in.head) == 0 && len(p) >= sniffBytes:
		in.head = p[:sniffBytes:sniffBytes] // no longer than look, which comes now
		in.look()
	default:
		in.head = append(in.head, p[:min(len(p), sniffBytes-len(in.head))]...)
		if len(in.head) == sniffBytes {
			in.look()
		}
	}
}

// hash computes digests in line for small bodies, beside for large ones.
func (in *intake) hash(p []byte) {
	if in.lanes == nil && in.n >= lanesFrom {
		if p, ok := in.body.(Proven); ok && p.Proven() {
			in.sha = nil
		}
		if hashes := in.hashes(); len(hashes) > 0 {
			in.lanes = newLanes(hashes)
		}
	}
	if in.lanes != nil {
		in.lanes.write(p)
		return
	}
	for _, h := range in.hashes() {
		_, _ = h.Write(p) // a hash never fails
	}
}

// hashes are the digests that are computed here.
func (in *intake) hashes() []hash.Hash {
	list := make([]hash.Hash, 0, 2)
	if in.md5 != nil {
		list = append(list, in.md5)
	}
	if in.sha != nil {
		list = append(list, in.sha)
	}
	return list
}

// close waits for what is computed beside. It must be called in the end, and may be called twice.
func (in *intake) close() {
	if in.lanes != nil {
		in.lanes.finish()
		in.lanes = nil
	}
}

// look finds the type of the content, and refuses one that is not allowed.
func (in *intake) look() {
	if in.looked {
		return
	}
	in.looked = true
	if len(in.head) > 0 {
		in.sniffed = sniff(in.head)
	}
	in.head = nil
	if !allowed(in.types, in.sniffed) || !allowed(in.also, in.sniffed) {
		in.err = fmt.Errorf("content is %s: %w", orText(in.sniffed, "empty"), ErrTypeNotAllowed)
	}
}

// digests returns MD5 and SHA-256 of the body after its end, nil for one that was not computed.
func (in *intake) digests() (sum, sha []byte) {
	in.close()
	if in.md5 != nil {
		sum = in.md5.Sum(nil)
	} else {
		sum = in.given.MD5()
	}
	switch {
	case in.sha != nil:
		sha = in.sha.Sum(nil)
	case in.given != nil:
		sha = in.given.SHA256()
	}
	return sum, sha
}

// sniff returns the media type of content that starts so, without parameters.
func sniff(head []byte) string {
	t, _, _ := strings.Cut(mimetype.Detect(head).String(), ";")
	return strings.TrimSpace(t)
}

// allowed reports whether a list of media types, in which "image/*" may stand, has the type; an empty list has all. Other
// names for a type count, more general types do not: HTML is text, but "text/plain" does not let it in.
func allowed(types []string, sniffed string) bool {
	if len(types) == 0 {
		return true
	}
	known := mimetype.Lookup(sniffed)
	for _, t := range types {
		main, wild := strings.CutSuffix(t, "/*")
		switch {
		case t == "*/*", wild && strings.HasPrefix(sniffed, main+"/"), t == sniffed:
			return true
		case !wild && sniffed != "" && known != nil && known.Is(t):
			return true
		}
	}
	return false
}

func orText(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
