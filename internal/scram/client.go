package scram

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"holdfast/internal/fault"
	"holdfast/internal/secret"
)

// A Credential is what a client proves to know: a password; or, if ClientKey is set, the two keys that were made of it
// for the salt and the iteration count of the server's verifier. It prints as redacted.
type Credential struct {
	Password             secret.String
	ClientKey, ServerKey [32]byte
}

// HasKeys reports whether the credential is keys and not a password.
func (c Credential) HasKeys() bool { return c.ClientKey != key{} }

// Format keeps package fmt from printing the keys, whatever the verb.
func (c Credential) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, secret.Redacted) }

// LogValue keeps slog from printing the keys.
func (c Credential) LogValue() slog.Value { return slog.StringValue(secret.Redacted) }

// MarshalText keeps encoders from writing the keys.
func (c Credential) MarshalText() ([]byte, error) { return []byte(secret.Redacted), nil }

// A Client proves a credential once. Its methods are called in the order Mechanism, First, Final, Verify.
type Client struct {
	credential Credential
	binding    Binding
	nonce      string
	bare       string // the first message without its header
	step       step

	gs2       string // the header of the first message; empty until Mechanism chose
	plus      bool   // we bind
	signature key    // what the server has to answer
}

// NewClient returns a Client. Binding.Endpoint is that of the certificate that the server showed.
func NewClient(credential Credential, binding Binding) *Client {
	nonce := newNonce()
	return &Client{credential: credential, binding: binding, nonce: nonce, bare: "n=,r=" + nonce}
}

// Mechanism chooses one of those that the server offers. An error leaves nothing to go on with.
func (c *Client) Mechanism(offered []string) (string, error) {
	c.gs2 = ""
	plain, plus := slices.Contains(offered, Mechanism), slices.Contains(offered, MechanismPlus)
	c.plus = plus && len(c.binding.Endpoint) > 0
	switch {
	case c.plus:
		c.gs2 = bindingType + ",,"
		return MechanismPlus, nil
	case c.binding.Required:
		return "", badBinding("channel binding is required, and this connection or the server has none")
	case !plain:
		return "", fault.New(fault.Denied, "scram_mechanism", "the server offers no authentication mechanism that we know")
	case len(c.binding.Endpoint) > 0:
		c.gs2 = "y,,"
	default:
		c.gs2 = "n,,"
	}
	return Mechanism, nil
}

// First returns the first message; nil before Mechanism has chosen, and when it is asked again. It names no user:
// PostgreSQL takes the name from the start-up packet.
func (c *Client) First() []byte {
	if c.gs2 == "" || c.step != atFirst {
		return nil
	}
	c.step = atFinal
	return []byte(c.gs2 + c.bare)
}

// Final reads the server's first message and returns the last of ours. With a password it computes as long as the
// server's iteration count asks: up to some tenths of a second.
func (c *Client) Final(serverFirst []byte) ([]byte, error) {
	if c.step != atFinal {
		return nil, malformed("it comes at the wrong time")
	}
	c.step = failed
	if len(serverFirst) > maxFromServer {
		return nil, malformed("it is too long")
	}
	nonce, salt, iterations, err := c.challenge(string(serverFirst))
	if err != nil {
		return nil, err
	}
	clientKey, serverKey := c.credential.ClientKey, c.credential.ServerKey
	if !c.credential.HasKeys() {
		if clientKey, serverKey, err = derive(c.credential.Password.Reveal(), salt, iterations); err != nil {
			return nil, err
		}
	}
	bound := []byte(c.gs2)
	if c.plus {
		bound = append(bound, c.binding.Endpoint...)
	}
	unsigned := "c=" + encode(bound) + ",r=" + nonce
	signed := c.bare + "," + string(serverFirst) + "," + unsigned
	stored := sha256.Sum256(clientKey[:])
	proof := xor(clientKey, digest(stored[:], signed))
	c.signature = digest(serverKey[:], signed)
	c.step = atVerify
	return []byte(unsigned + ",p=" + encode(proof[:])), nil
}

// challenge reads the server's first message.
func (c *Client) challenge(msg string) (nonce string, salt []byte, iterations int, err error) {
	if strings.HasPrefix(msg, "m=") {
		return "", nil, 0, malformed("an extension that is not supported is required")
	}
	nonce, rest, _, ok := attribute(msg, 'r')
	if !ok || !isNonce(nonce) || len(nonce) <= len(c.nonce) || !strings.HasPrefix(nonce, c.nonce) {
		return "", nil, 0, malformed("the nonce does not continue ours")
	}
	encoded, rest, _, ok := attribute(rest, 's')
	if salt, ok = decodeIf(ok, encoded); !ok || len(salt) == 0 || len(salt) > maxSalt {
		return "", nil, 0, malformed("it has no salt")
	}
	count, rest, more, ok := attribute(rest, 'i')
	if !ok || more && !areExtensions(rest) {
		return "", nil, 0, malformed("it has no iteration count")
	}
	if iterations, ok = parseIterations(count); !ok {
		return "", nil, 0, malformed(fmt.Sprintf("the iteration count is not between 1 and %d", MaxIterations))
	}
	return nonce, salt, iterations, nil
}

func decodeIf(ok bool, s string) ([]byte, bool) {
	if !ok {
		return nil, false
	}
	return decode(s)
}

// Verify reads the server's last message. Only when it returned nil has the server proved that it knows the verifier;
// until then nothing that it says is to be trusted.
func (c *Client) Verify(serverFinal []byte) error {
	if c.step != atVerify {
		return malformed("it comes at the wrong time")
	}
	c.step = failed
	if len(serverFinal) > maxFromServer {
		return malformed("it is too long")
	}
	if strings.HasPrefix(string(serverFinal), "e=") {
		return badProof("the server refused the proof")
	}
	value, rest, more, ok := attribute(string(serverFinal), 'v')
	if !ok || more && !areExtensions(rest) {
		return malformed("it has no signature")
	}
	var got key
	if !decodeKey(got[:], value) {
		return malformed("the signature is not 32 bytes in base64")
	}
	if !hmac.Equal(got[:], c.signature[:]) {
		return badProof("the server does not know the password: it may be an impostor")
	}
	c.step = succeeded
	return nil
}
