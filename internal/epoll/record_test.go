package epoll_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"sync"
	"testing"
)

// secrets collects what a TLS client learns: its keys, and the tickets that it gets.
type secrets struct {
	mu      sync.Mutex // mu protects the following
	log     bytes.Buffer
	tickets int
}

func (s *secrets) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(line)
}

// Get and Put are tls.ClientSessionCache.
func (s *secrets) Get(string) (*tls.ClientSessionState, bool) { return nil, false }

func (s *secrets) Put(string, *tls.ClientSessionState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tickets++
}

// secret returns a secret by its label: the key log's format is that of RFC 9850.
func (s *secrets) secret(t testing.TB, label string) []byte {
	t.Helper()
	for line := range bytes.Lines(s.log.Bytes()) {
		if fields := bytes.Fields(line); string(fields[0]) == label {
			secret, err := hex.DecodeString(string(fields[2]))
			if err != nil {
				t.Fatal(err)
			}
			return secret
		}
	}
	t.Fatalf("no secret %q", label)
	return nil
}

// scribe writes records of TLS 1.3 (RFC 8446 section 5) in place of a client, because crypto/tls never asks for new keys.
type scribe struct {
	t      testing.TB
	secret []byte
	aead   cipher.AEAD
	iv     []byte
	next   uint64 // sequence number
}

const (
	handshakeRecord   = 22
	applicationRecord = 23
)

// scribeOf returns a scribe for the peer of a session that has written nothing since the handshake.
func scribeOf(t testing.TB, s *session) *scribe {
	t.Helper()
	if suite := s.peer.ConnectionState().CipherSuite; suite != tls.TLS_AES_128_GCM_SHA256 {
		t.Fatalf("the session uses %s, which this test cannot write: it needs a processor with AES", tls.CipherSuiteName(suite))
	}
	w := &scribe{t: t}
	w.rekey(s.keys.secret(t, "CLIENT_TRAFFIC_SECRET_0"))
	return w
}

// rekey starts a generation of keys: RFC 8446 section 7.3.
func (w *scribe) rekey(secret []byte) {
	block, err := aes.NewCipher(w.expand(secret, "key", 16))
	if err != nil {
		w.t.Fatal(err)
	}
	if w.aead, err = cipher.NewGCM(block); err != nil {
		w.t.Fatal(err)
	}
	w.secret, w.iv, w.next = secret, w.expand(secret, "iv", 12), 0
}

// expand is HKDF-Expand-Label with an empty context: RFC 8446 section 7.1.
func (w *scribe) expand(secret []byte, label string, size int) []byte {
	label = "tls13 " + label
	info := string([]byte{byte(size >> 8), byte(size), byte(len(label))}) + label + "\x00"
	key, err := hkdf.Expand(sha256.New, secret, info, size)
	if err != nil {
		w.t.Fatal(err)
	}
	return key
}

func (w *scribe) record(kind byte, content []byte) []byte {
	inner := append(bytes.Clone(content), kind)
	size := len(inner) + w.aead.Overhead()
	header := []byte{applicationRecord, 3, 3, byte(size >> 8), byte(size)}
	nonce := bytes.Clone(w.iv)
	binary.BigEndian.PutUint64(nonce[4:], binary.BigEndian.Uint64(nonce[4:])^w.next)
	w.next++
	return w.aead.Seal(header, nonce, inner, header)
}

// keyUpdate asks for new keys in records that end at the given places of the message, and writes with new keys itself.
func (w *scribe) keyUpdate(ends ...int) (records []byte) {
	message := []byte{24, 0, 0, 1, 1} // key_update, one byte, update_requested
	at := 0
	for _, end := range append(ends, len(message)) {
		records = append(records, w.record(handshakeRecord, message[at:end])...)
		at = end
	}
	w.rekey(w.expand(w.secret, "traffic upd", sha256.Size))
	return records
}
