package s3wire

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"holdfast/internal/secret"
)

// The credentials and the moment of the worked examples in S3's documentation of signature version 4.
const (
	docKey    = "AKIAIOSFODNN7EXAMPLE"
	docSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)

var docTime = time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)

func docSigner() *Signer {
	return &Signer{AccessKey: docKey, Secret: secret.New(docSecret), Now: func() time.Time { return docTime }}
}

func docVerifier() *Verifier {
	return NewVerifier(Verifier{Regions: []string{"us-east-1"}, Now: func() time.Time { return docTime }})
}

type docExample struct {
	name, method, target, payload, signature string
	header                                   map[string]string
}

// docExamples are the published examples "GET Object", "PUT Object", "GET Bucket Lifecycle" and "GET Bucket (List
// Objects)" of "Authenticating Requests: Using the Authorization Header".
var docExamples = []docExample{
	{
		name: "get object", method: "GET", target: "/test.txt", payload: emptySHA256,
		header:    map[string]string{"Range": "bytes=0-9"},
		signature: "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
	},
	{
		name: "put object", method: "PUT", target: "/test%24file.text",
		payload: "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
		header: map[string]string{
			"Date": "Fri, 24 May 2013 00:00:00 GMT", "X-Amz-Storage-Class": "REDUCED_REDUNDANCY",
		},
		signature: "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
	},
	{
		name: "get bucket lifecycle", method: "GET", target: "/?lifecycle", payload: emptySHA256,
		signature: "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
	},
	{
		name: "list objects", method: "GET", target: "/?max-keys=2&prefix=J", payload: emptySHA256,
		signature: "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
	},
}

func (e docExample) request() *http.Request {
	r := httptest.NewRequest(e.method, e.target, nil)
	r.Host = "examplebucket.s3.amazonaws.com"
	for name, value := range e.header {
		r.Header.Set(name, value)
	}
	return r
}

// S0-37: SigV4.
func TestSignerReproducesThePublishedHeaderExamples(t *testing.T) {
	t.Parallel()
	for _, e := range docExamples {
		got, err := docSigner().SignHeader(e.request(), e.payload)
		if err != nil || got != e.signature {
			t.Errorf("%s: signature %s, %v; published %s", e.name, got, err, e.signature)
		}
	}
}

func TestVerifierAcceptsThePublishedHeaderExamples(t *testing.T) {
	t.Parallel()
	for _, e := range docExamples {
		r := e.request()
		r.Header.Set("X-Amz-Date", "20130524T000000Z")
		r.Header.Set("X-Amz-Content-Sha256", e.payload)
		signed := signableHeaders(r.Header)
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+docKey+"/20130524/us-east-1/s3/aws4_request,SignedHeaders="+
			signed+",Signature="+e.signature)
		checkGenuine(t, docVerifier(), r, e.name)
	}
}

func TestPublishedPresignedGetIsMadeAndAccepted(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest("GET", "https://examplebucket.s3.amazonaws.com/test.txt", nil)
	url, err := docSigner().Presign(r, 24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	want := "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" +
		"AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400" +
		"&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
	if url != want {
		t.Fatalf("presigned\n%s\npublished\n%s", url, want)
	}
	checkGenuine(t, docVerifier(), httptest.NewRequest("GET", want, nil), "presigned GET")
}

func checkGenuine(t *testing.T, v *Verifier, r *http.Request, what string) Auth {
	t.Helper()
	a, err := v.Parse(r)
	if err != nil {
		t.Fatalf("%s: parse: %v", what, err)
	}
	if a.AccessKey != docKey {
		t.Fatalf("%s: access key %q", what, a.AccessKey)
	}
	if err := v.Verify(r, &a, secret.New(docSecret)); err != nil {
		t.Fatalf("%s: verify: %v\n%s", what, err, AsError(err).XML("", "", ""))
	}
	wrong := a
	if err := v.Verify(r, &wrong, secret.New(docSecret+"x")); AsError(err).Code != SignatureDoesNotMatch {
		t.Fatalf("%s: with another secret: %v", what, err)
	}
	return a
}

func TestHeaderValuesAreFolded(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "", " a ": "a", "a  b": "a b", "a    b  c": "a b c", `"x  y"`: `"x y"`, "a b": "a b",
	} {
		if got := string(appendFolded(nil, in)); got != want {
			t.Errorf("folded %q is %q, want %q", in, got, want)
		}
	}
}

func TestQueryIsMadeCanonical(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                     "",
		"b=2&a=1":              "a=1&b=2",
		"a=2&a=1&a=":           "a=&a=1&a=2",
		"acl":                  "acl=",
		"a=%7e&b=%2f":          "a=~&b=%2F",
		"p=a+b&q=a%2Bb":        "p=a%20b&q=a%2Bb",
		"a=b=c&&d":             "a=b%3Dc&d=",
		"%61=1":                "a=1",
		"a-b=1&a=2&a%20=3":     "a=2&a%20=3&a-b=1",
		"k=%E2%82%AC*'()!":     "k=%E2%82%AC%2A%27%28%29%21",
		"X-Amz-Signature=x&a=": "a=",
	} {
		if got := string(appendCanonicalQuery(nil, in, "X-Amz-Signature", false)); got != want {
			t.Errorf("canonical %q is %q, want %q", in, got, want)
		}
	}
}

func TestListingEncodingIsThatOfForms(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a/b.txt": "a/b.txt", "test_file(3).png": "test_file%283%29.png", "a b+c": "a+b%2Bc", "~*-_": "%7E*-_", "ü": "%C3%BC",
	} {
		if got := EncodeKey(in); got != want {
			t.Errorf("encoded %q is %q, want %q", in, got, want)
		}
	}
	if got := EncodeKey(strings.Repeat("a", 9)); got != "aaaaaaaaa" {
		t.Error(got)
	}
}
