package node

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"

	"holdfast/internal/secret"
)

// What keys are derived for.
const (
	proofInfo  = "holdfast join 1 request"
	answerInfo = "holdfast join 1 answer"
)

// request is what a new machine says. Byte slices are base64 in JSON.
type request struct {
	ID     string `json:"id"`
	Public []byte `json:"public"` // X25519, 32 bytes
	Take   bool   `json:"take"`   // the files themselves, and not only their names
	Host   string `json:"host"`   // what the machine calls itself
	Proof  []byte `json:"proof"`
}

// answer is what a node says.
type answer struct {
	Public []byte `json:"public"`
	Sealed []byte `json:"sealed"`
}

// text is what a proof covers: each part behind its length, so that no two requests have the same.
func (r request) text() []byte {
	take := []byte{0}
	if r.Take {
		take[0] = 1
	}
	var b []byte
	for _, part := range [][]byte{[]byte(r.ID), r.Public, take, []byte(r.Host)} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(part)))
		b = append(b, part...)
	}
	return b
}

// prove computes the proof of a request.
func (r request) prove(value secret.String) []byte {
	mac := hmac.New(sha256.New, derive(value.Reveal(), nil, proofInfo))
	mac.Write(r.text())
	return mac.Sum(nil)
}

// proven reports, in constant time, whether who made the request has the secret.
func (r request) proven(value secret.String) bool { return hmac.Equal(r.Proof, r.prove(value)) }

func derive(from string, salt []byte, info string) []byte {
	key, err := hkdf.Key(sha256.New, []byte(from), salt, info, 32)
	if err != nil {
		panic(err) // only a length above 255 hashes fails
	}
	return key
}

// newKey makes an ephemeral key.
func newKey() (*ecdh.PrivateKey, error) { return ecdh.X25519().GenerateKey(rand.Reader) }

// sealAnswer encrypts what a request gets, with a key that is used this once.
func sealAnswer(r request, value secret.String, plain []byte) (answer, error) {
	own, err := newKey()
	if err != nil {
		return answer{}, err
	}
	mine := own.PublicKey().Bytes()
	aead, err := answerKey(value, own, r.Public, r.Public, mine)
	if err != nil {
		return answer{}, err
	}
	return answer{mine, aead.Seal(nil, make([]byte, aead.NonceSize()), plain, r.text())}, nil
}

// openAnswer decrypts it.
func openAnswer(r request, own *ecdh.PrivateKey, value secret.String, a answer) ([]byte, error) {
	aead, err := answerKey(value, own, a.Public, r.Public, a.Public)
	if err != nil {
		return nil, err
	}
	plain, err := aead.Open(nil, make([]byte, aead.NonceSize()), a.Sealed, r.text())
	if err != nil {
		return nil, errors.New("the answer was not made with the token's secret")
	}
	return plain, nil
}

// answerKey derives the key of one answer from the secret, the common secret of the two ephemeral keys, and both of them.
func answerKey(value secret.String, own *ecdh.PrivateKey, other, client, server []byte) (cipher.AEAD, error) {
	public, err := ecdh.X25519().NewPublicKey(other)
	if err != nil {
		return nil, err
	}
	shared, err := own.ECDH(public) // refuses points of low order
	if err != nil {
		return nil, err
	}
	salt := append(append([]byte{}, client...), server...)
	block, err := aes.NewCipher(derive(value.Reveal()+string(shared), salt, answerInfo))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
