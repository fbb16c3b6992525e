package content

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"holdfast/internal/secret"
)

// Signed addresses of browser files. The first segments of a path are
//
//	/content/<source>/<commit>/…                     serve = "public"
//	/content/<source>/<commit>~<expires>.<mac>/…     serve = "signed"
//
// expires is the second since 1970 at which the address ends; mac is the first 16 bytes of HMAC-SHA-256 over source,
// commit and expires, base64url without padding (22 letters). It stands for all served files of one revision, so that
// links between them work. The key is derived from files.master_key: every process makes and honours the same addresses.
const (
	urlPrefix  = "/content/"
	urlKeyInfo = "holdfast content url v1"
	macSize    = 16 // bytes
	// urlLife is the default life of a signed address, and urlWindow what its end is rounded up to, so that browsers keep
	// what they have while a page is loaded again and again.
	urlLife   = 24 * time.Hour
	urlWindow = 6 * time.Hour
	maxURLTTL = 31 * 24 * time.Hour
)

// urlSigner makes and checks signed addresses.
type urlSigner struct {
	key [32]byte
}

func newURLSigner(master secret.String) (*urlSigner, error) {
	key, err := hkdf.Key(sha256.New, []byte(master.Reveal()), nil, urlKeyInfo, 32)
	if err != nil {
		return nil, fmt.Errorf("derive the key of content addresses: %w", err)
	}
	return &urlSigner{[32]byte(key)}, nil
}

// base returns the path below which the files of a revision lie.
func (s *urlSigner) base(source, commit string, signed bool, now time.Time, life time.Duration) string {
	segment := commit
	if signed {
		end := now.Add(life).Truncate(urlWindow).Add(urlWindow)
		segment += "~" + strconv.FormatInt(end.Unix(), 10) + "." + s.mac(source, commit, end.Unix())
	}
	return urlPrefix + url.PathEscape(source) + "/" + segment + "/"
}

func (s *urlSigner) mac(source, commit string, expires int64) string {
	h := hmac.New(sha256.New, s.key[:])
	field := func(text string) {
		_, _ = h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(text)))) // it never fails
		_, _ = h.Write([]byte(text))
	}
	field(source)
	field(commit)
	_, _ = h.Write(binary.BigEndian.AppendUint64(nil, uint64(expires)))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:macSize])
}

// contentPath is the path of a request, taken apart.
type contentPath struct {
	source, commit string
	expires        int64 // 0: not signed
	mac            string
	file           string // below the root of the course
}

// parseContentPath takes a path apart, or reports false for anything that no address of ours looks like. The path is
// decoded once, by net/http: what still holds an escape is part of a name.
func parseContentPath(path string) (p contentPath, ok bool) {
	rest, ok := strings.CutPrefix(path, urlPrefix)
	if !ok {
		return p, false
	}
	p.source, rest, ok = strings.Cut(rest, "/")
	if !ok {
		return p, false
	}
	segment, file, ok := strings.Cut(rest, "/")
	if !ok || !plainPath(file) {
		return p, false
	}
	p.file = file
	var token string
	var signed bool
	p.commit, token, signed = strings.Cut(segment, "~")
	if !wholeCommit(p.commit) {
		return p, false
	}
	if !signed {
		return p, true
	}
	end, mac, ok := strings.Cut(token, ".")
	p.mac = mac
	p.expires, ok = parseSeconds(end, ok)
	return p, ok
}

// parseSeconds reads what mac signs: digits without a sign or zeros before them, so that one address has one spelling.
func parseSeconds(text string, ok bool) (int64, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return n, ok && err == nil && n > 0 && strconv.FormatInt(n, 10) == text
}

// verify reports whether the address may be honoured now.
func (s *urlSigner) verify(p contentPath, now time.Time) bool {
	genuine := hmac.Equal([]byte(s.mac(p.source, p.commit, p.expires)), []byte(p.mac))
	return genuine && p.expires > 0 && now.Unix() < p.expires
}

// plainPath reports whether a path below a root has no empty segment, "." or "..", and no NUL: it names a file.
func plainPath(path string) bool {
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "" || segment == "." || segment == ".." || strings.ContainsRune(segment, 0) {
			return false
		}
	}
	return true
}

// wholeCommit reports whether text is a whole commit id of either format, in lower case.
func wholeCommit(text string) bool {
	return (len(text) == 40 || len(text) == 64) && hexDigits(text)
}

func hexDigits(text string) bool {
	for _, c := range []byte(text) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// escapePath makes the path of a file fit for a URL.
func escapePath(path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		segments[i] = url.PathEscape(s)
	}
	return strings.Join(segments, "/")
}
