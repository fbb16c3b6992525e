package scram

import (
	"crypto/hmac"
	"crypto/sha256"
	"strconv"
	"strings"
)

// A Server checks one client, once. Its methods are called in the order Mechanisms, First, Final, ClientKey.
type Server struct {
	keys    Keys
	binding Binding
	nonce   string // our part, until First put the client's before it
	step    step

	gs2     string // the header of the client's first message, which the last one repeats
	plus    bool   // the client binds
	bare    string // first message without its header, then with ours behind it: the front of what is signed
	learned key
}

// step says which message comes next.
type step uint8

const (
	atFirst step = iota
	atFinal
	atVerify
	succeeded
	failed
)

// NewServer returns a Server that asks for the password of a verifier. Binding.Endpoint is that of the server's own
// certificate.
func NewServer(keys Keys, binding Binding) *Server {
	return &Server{keys: keys, binding: binding, nonce: newNonce()}
}

// Mechanisms returns what to offer, the preferred one first. It is empty if binding is required and cannot be. Where
// binding is required, the mechanism without it is offered all the same, and First refuses it: there are clients (pgx)
// that look for it before they choose the other, and one that cannot bind is told why.
func (s *Server) Mechanisms() []string {
	switch {
	case s.binds():
		return []string{MechanismPlus, Mechanism}
	case s.binding.Required:
		return nil
	}
	return []string{Mechanism}
}

func (s *Server) binds() bool { return len(s.binding.Endpoint) > 0 }

// First reads the client's first message, sent for the mechanism, and returns the answer. The user name in the message
// is ignored: the start-up packet has it.
func (s *Server) First(mechanism string, clientFirst []byte) ([]byte, error) {
	if s.step != atFirst {
		return nil, malformed("the exchange is past its first message")
	}
	s.step = failed
	if len(clientFirst) > maxFromClient {
		return nil, malformed("it is too long")
	}
	bare, err := s.header(mechanism, string(clientFirst))
	if err != nil {
		return nil, err
	}
	nonce, err := clientNonce(bare)
	if err != nil {
		return nil, err
	}
	s.nonce = nonce + s.nonce
	answer := "r=" + s.nonce + ",s=" + encode(s.keys.Salt) + ",i=" + strconv.Itoa(s.keys.Iterations)
	s.bare = bare + "," + answer
	s.step = atFinal
	return []byte(answer), nil
}

// header reads the header of the first message (GS2) and returns what follows it.
func (s *Server) header(mechanism, msg string) (bare string, err error) {
	flag, rest, found := strings.Cut(msg, ",")
	authzid, bare, foundToo := strings.Cut(rest, ",")
	if !found || !foundToo {
		return "", malformed("it has no header")
	}
	if mechanism != Mechanism && mechanism != MechanismPlus {
		return "", malformed("the mechanism was not offered")
	}
	plus := mechanism == MechanismPlus
	switch {
	case flag != "n" && flag != "y" && !strings.HasPrefix(flag, "p="):
		return "", malformed("unexpected channel-binding flag")
	case plus && !s.binds():
		return "", malformed("channel binding was not offered")
	case plus && flag != bindingType:
		return "", badBinding("the client chose SCRAM-SHA-256-PLUS without channel binding of the type tls-server-end-point")
	case !plus && flag[0] == 'p':
		return "", badBinding("the client chose SCRAM-SHA-256 with channel binding")
	case flag == "y" && s.binds():
		return "", badBinding("the client was not told that this server supports channel binding: the offer was changed on its way")
	case !plus && s.binding.Required:
		return "", badBinding("channel binding is required")
	case authzid != "":
		return "", malformed("an authorization identity is not supported")
	}
	s.gs2, s.plus = msg[:len(msg)-len(bare)], plus
	return bare, nil
}

func clientNonce(bare string) (string, error) {
	if strings.HasPrefix(bare, "m=") {
		return "", malformed("an extension that is not supported is required")
	}
	user, rest, _, ok := attribute(bare, 'n')
	if !ok || strings.IndexByte(user, 0) >= 0 {
		return "", malformed("it has no user name")
	}
	nonce, rest, more, ok := attribute(rest, 'r')
	if !ok || !isNonce(nonce) {
		return "", malformed("it has no nonce, or one of bytes that are not printable")
	}
	if more && !areExtensions(rest) {
		return "", malformed("what follows the nonce is not a list of attributes")
	}
	return nonce, nil
}

// Final reads the client's last message and returns the answer, which proves the server to the client. An error that
// is ErrProof means a wrong password.
func (s *Server) Final(clientFinal []byte) ([]byte, error) {
	if s.step != atFinal {
		return nil, malformed("the exchange does not expect a last message")
	}
	s.step = failed
	if len(clientFinal) > maxFromClient {
		return nil, malformed("it is too long")
	}
	unsigned, proof, err := s.proof(string(clientFinal))
	if err != nil {
		return nil, err
	}
	signed := s.bare + "," + unsigned
	clientKey := xor(proof, digest(s.keys.StoredKey[:], signed))
	stored := sha256.Sum256(clientKey[:])
	signature := digest(s.keys.ServerKey[:], signed)
	if !hmac.Equal(stored[:], s.keys.StoredKey[:]) {
		return nil, badProof("password authentication failed")
	}
	s.learned, s.step = clientKey, succeeded
	return []byte("v=" + encode(signature[:])), nil
}

// proof checks the client's last message up to its proof, and returns it cut in two.
func (s *Server) proof(msg string) (unsigned string, proof key, err error) {
	binding, rest, _, ok := attribute(msg, 'c')
	if !ok {
		return "", proof, malformed("it has no channel binding")
	}
	nonce, rest, more, ok := attribute(rest, 'r')
	if !ok || !more {
		return "", proof, malformed("it has no nonce")
	}
	at := strings.LastIndex(","+rest, ",p=")
	if at < 0 || at > 0 && !areExtensions(rest[:at-1]) {
		return "", proof, malformed("it has no proof")
	}
	if !decodeKey(proof[:], rest[at+2:]) {
		return "", proof, malformed("the proof is not 32 bytes in base64")
	}
	if !hmac.Equal([]byte(nonce), []byte(s.nonce)) {
		return "", proof, malformed("the nonce is not that of this exchange")
	}
	want := []byte(s.gs2)
	if s.plus {
		want = append(want, s.binding.Endpoint...)
	}
	if !hmac.Equal([]byte(binding), []byte(encode(want))) {
		return "", proof, badBinding("SCRAM channel binding check failed")
	}
	return msg[:len(msg)-len(rest)+at-1], proof, nil
}

// ClientKey returns what a client proved to know: with it, and the verifier's server key, the same person can be logged
// in at a server that has the same verifier. It is zero until Final succeeded.
func (s *Server) ClientKey() [32]byte { return s.learned }
