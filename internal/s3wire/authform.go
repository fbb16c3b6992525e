package s3wire

import (
	"crypto/sha256"
	"crypto/subtle"
	"time"

	"holdfast/internal/secret"
)

// ParseForm reads the claim of a form: Anonymous when it has none of the fields of one, InvalidArgument when it has only
// some. The policy itself is checked by [Policy.Check] once the signature is known to be right.
func (v *Verifier) ParseForm(f *Form) (Auth, error) {
	if f.Has("awsaccesskeyid") && f.Has("signature") {
		return Auth{}, unsupportedMechanism()
	}
	missing, found := "", false
	for _, name := range []string{"policy", "x-amz-signature", "x-amz-credential", "x-amz-date", "x-amz-algorithm"} {
		if f.Has(name) {
			found = true
		} else if missing == "" {
			missing = name
		}
	}
	switch {
	case !found:
		return Auth{}, nil
	case missing != "":
		return Auth{}, missingField(missing)
	case f.Get("x-amz-algorithm") != algorithmV4:
		return Auth{}, argument("X-Amz-Algorithm", f.Get("x-amz-algorithm"), "Only AWS4-HMAC-SHA256 is supported")
	case f.Has("x-amz-security-token"):
		return Auth{}, InvalidToken.New()
	}
	return v.formClaim(f)
}

func (v *Verifier) formClaim(f *Form) (Auth, error) {
	a := Auth{Scheme: FormV4, stamp: f.Get("x-amz-date"), rawSig: f.Get("x-amz-signature")}
	credential := f.Get("x-amz-credential")
	complain := func(_, format string, args ...any) *Error {
		return argument("x-amz-credential", credential, format, args...)
	}
	if err := v.setCredential(&a, credential, complain); err != nil {
		return Auth{}, err
	}
	t, err := time.Parse(stampLayout, a.stamp)
	if err != nil {
		return Auth{}, argument("X-Amz-Date", a.stamp, "X-Amz-Date must be formated via ISO8601 Long format")
	}
	if a.stamp[:8] != a.date() {
		return Auth{}, complain("", "Invalid credential date %q. This date is not the same as X-Amz-Date: %q.", a.date(), a.stamp[:8])
	}
	a.Time, a.Expires = t, t.Add(maxPresign) // the policy says when it ends; its signing key lasts no longer than this
	now := v.now()
	switch {
	case t.Sub(now) > v.skew():
		return Auth{}, AccessDenied.Newf("Request is not valid yet.").With("ServerTime", now.UTC().Format(time.RFC3339))
	case now.After(a.Expires):
		return Auth{}, policyExpired()
	}
	return a, nil
}

// VerifyForm checks the policy's signature.
func (v *Verifier) VerifyForm(f *Form, a *Auth, key secret.String) error {
	if a.Scheme != FormV4 {
		return nil
	}
	policy := f.Get("policy")
	sk, cached := v.keys.get(key, a.date(), a.Region)
	var mac [sha256.Size]byte
	sk.sign(&mac, []byte(policy))
	if !a.setSignature(a.rawSig) || subtle.ConstantTimeCompare(mac[:], a.signature[:]) != 1 {
		return quote(a.AccessKey, policy, a.rawSig)
	}
	if !cached {
		v.keys.put(key, a.date(), a.Region, sk)
	}
	return nil
}
