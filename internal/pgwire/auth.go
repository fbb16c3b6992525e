package pgwire

import "fmt"

// AuthKind is what an Authentication message asks for or tells.
type AuthKind uint32

// The kinds of Authentication. What else a server sends (Kerberos, SSPI, GSS) is passed on by its number.
const (
	AuthOK           AuthKind = 0
	AuthCleartext    AuthKind = 3
	AuthMD5          AuthKind = 5
	AuthSASL         AuthKind = 10
	AuthSASLContinue AuthKind = 11
	AuthSASLFinal    AuthKind = 12
)

// String returns the name of the method.
func (k AuthKind) String() string {
	switch k {
	case AuthOK:
		return "ok"
	case AuthCleartext:
		return "cleartext password"
	case AuthMD5:
		return "MD5 password"
	case AuthSASL, AuthSASLContinue, AuthSASLFinal:
		return "SASL"
	}
	return fmt.Sprintf("authentication method %d", uint32(k))
}

// An AuthRequest is the body of an Authentication message.
type AuthRequest struct {
	Kind       AuthKind
	Mechanisms []string // AuthSASL: copies, in the server's order
	Data       []byte   // AuthSASLContinue, AuthSASLFinal and unknown kinds: a part of the body
	Salt       [4]byte  // AuthMD5
}

// ParseAuthentication reads the body of an Authentication message.
func ParseAuthentication(body []byte) (AuthRequest, error) {
	c := cursor{b: body}
	a := AuthRequest{Kind: AuthKind(c.uint32())}
	switch a.Kind {
	case AuthOK, AuthCleartext:
	case AuthMD5:
		copy(a.Salt[:], c.take(len(a.Salt)))
	case AuthSASL:
		for name := c.string(); len(name) > 0; name = c.string() {
			a.Mechanisms = append(a.Mechanisms, string(name))
		}
	default:
		a.Data, c.b = c.b, nil
	}
	if !c.done() {
		return AuthRequest{}, malformed("Authentication")
	}
	return a, nil
}
