package node

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"
	"unicode"

	"holdfast/internal/fault"
	"holdfast/internal/secret"
)

const (
	// tokenPrefix names what it is, and the version.
	tokenPrefix = "hfjoin1-"
	// idSize, secretSize and sumSize are in bytes.
	idSize     = 8
	secretSize = 32
	sumSize    = 6
	// maxAddresses and maxAddress bound what a token names.
	maxAddresses = 8
	maxAddress   = 250
	// maxToken is the longest text that is looked at, in bytes.
	maxToken = 4096
)

// Token is what a new machine is given. Its text is tokenPrefix and, in base64url: the id, the secret, the addresses with
// a byte of length before each, and the beginning of the SHA-256 of all that, so that a paste that lacks its end is told.
type Token struct {
	ID        string        // hex
	Secret    secret.String // 32 raw bytes
	Addresses []string      // roots of nodes, as "http://10.0.0.5:8000"; "#name" behind says which host to ask for
}

// newToken makes id and secret.
func newToken(addresses []string) Token {
	id, value := make([]byte, idSize), make([]byte, secretSize)
	_, _ = rand.Read(id) // it never fails
	_, _ = rand.Read(value)
	return Token{ID: hex.EncodeToString(id), Secret: secret.New(string(value)), Addresses: addresses}
}

// Text returns the token as it is pasted. It is a secret.
func (t Token) Text() string {
	id, _ := hex.DecodeString(t.ID) // newToken and ParseToken write hex
	b := append(id, t.Secret.Reveal()...)
	for _, a := range t.Addresses {
		b = append(append(b, byte(len(a))), a...)
	}
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(append(b, sumOf(b)...))
}

func sumOf(b []byte) []byte {
	sum := sha256.Sum256(append([]byte(tokenPrefix), b...))
	return sum[:sumSize]
}

// ParseToken reads a token. White space in it, which terminals put where lines are wrapped, is left out.
func ParseToken(text string) (Token, error) {
	text = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, text)
	body, ok := strings.CutPrefix(text, tokenPrefix)
	if !ok {
		return Token{}, fault.New(fault.Usage, "token_form", "that is no token of a node").
			WithHint("a token begins with %s; make one on a running node with: holdfast node invite", tokenPrefix)
	}
	damaged := fault.New(fault.Usage, "token_damaged", "the token is not whole: its check sum does not fit").
		WithHint("copy it again, from %s to its end", tokenPrefix)
	if len(text) > maxToken {
		return Token{}, damaged
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(body)
	if err != nil || len(b) < idSize+secretSize+sumSize {
		return Token{}, damaged
	}
	b, sum := b[:len(b)-sumSize], b[len(b)-sumSize:]
	if string(sum) != string(sumOf(b)) {
		return Token{}, damaged
	}
	t := Token{ID: hex.EncodeToString(b[:idSize]), Secret: secret.New(string(b[idSize : idSize+secretSize]))}
	for rest := b[idSize+secretSize:]; len(rest) > 0; {
		n := int(rest[0])
		if len(rest) < 1+n {
			return Token{}, damaged
		}
		t.Addresses, rest = append(t.Addresses, string(rest[1:1+n])), rest[1+n:]
	}
	return t, CheckAddresses(t.Addresses)
}

// CheckAddresses refuses what cannot be the root of a node.
func CheckAddresses(all []string) error {
	if len(all) == 0 || len(all) > maxAddresses {
		return fault.New(fault.Usage, "token_address", "a token names 1 to %d addresses, this one %d", maxAddresses, len(all)).
			WithHint("name one with --address http://HOST:PORT")
	}
	for _, a := range all {
		u, err := url.Parse(a)
		if err != nil || len(a) > maxAddress || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" ||
			strings.Trim(u.Path, "/") != "" {
			return fault.New(fault.Usage, "token_address", "%q is not the root of a node", a).
				WithHint("write scheme, host and port, as http://10.0.0.5:8000")
		}
	}
	return nil
}
