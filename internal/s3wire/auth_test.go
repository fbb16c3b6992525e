package s3wire

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"holdfast/internal/secret"
)

// signed returns a genuine request, to be spoiled by a test.
func signed(t testing.TB, method, target string) *http.Request {
	t.Helper()
	r := httptest.NewRequest(method, target, nil)
	if _, err := docSigner().SignHeader(r, emptySHA256); err != nil {
		t.Fatal(err)
	}
	return r
}

func presigned(t testing.TB, method, target string, valid time.Duration) *http.Request {
	t.Helper()
	url, err := docSigner().Presign(httptest.NewRequest(method, target, nil), valid)
	if err != nil {
		t.Fatal(err)
	}
	return httptest.NewRequest(method, url, nil)
}

// judge parses and verifies.
func judge(v *Verifier, r *http.Request) (Auth, error) {
	a, err := v.Parse(r)
	if err == nil {
		err = v.Verify(r, &a, secret.New(docSecret))
	}
	return a, err
}

// spoiledHeader is a genuine request with something wrong.
type spoiledHeader struct {
	spoil func(*http.Request)
	code  Code
	text  string // part of the answer
}

func replaceAuth(old, new string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, new, 1))
	}
}

func setHeader(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func setQuery(raw string) func(*http.Request) {
	return func(r *http.Request) { r.URL.RawQuery = raw }
}

func checkSpoiled(t *testing.T, tests map[string]spoiledHeader) {
	t.Helper()
	for name, test := range tests {
		r := signed(t, "GET", "http://s3.local/bucket/key")
		test.spoil(r)
		_, err := judge(docVerifier(), r)
		if got := codeOf(err); got != test.code || err != nil && !strings.Contains(err.Error(), test.text) {
			t.Errorf("%s: %v, want %s %q", name, err, test.code, test.text)
		}
	}
}

func TestSpoiledRequestsAreRefusedAsS3Refuses(t *testing.T) {
	t.Parallel()
	checkSpoiled(t, map[string]spoiledHeader{
		"nothing":         {func(*http.Request) {}, "", ""},
		"path":            {func(r *http.Request) { r.URL.Path += "x" }, SignatureDoesNotMatch, ""},
		"query":           {setQuery("acl"), SignatureDoesNotMatch, ""},
		"method":          {func(r *http.Request) { r.Method = "PUT" }, SignatureDoesNotMatch, ""},
		"host":            {func(r *http.Request) { r.Host = "elsewhere" }, SignatureDoesNotMatch, ""},
		"digest":          {setHeader("X-Amz-Content-Sha256", strings.Repeat("a", 64)), SignatureDoesNotMatch, ""},
		"digest's form":   {setHeader("X-Amz-Content-Sha256", "abc"), InvalidArgument, "x-amz-content-sha256 must be"},
		"no digest":       {func(r *http.Request) { r.Header.Del("X-Amz-Content-Sha256") }, InvalidRequest, "x-amz-content-sha256"},
		"4A body":         {setHeader("X-Amz-Content-Sha256", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"), NotImplemented, "4A"},
		"unsigned header": {setHeader("X-Amz-Acl", "public-read"), AccessDenied, "not signed"},
		"CloudFront's":    {setHeader("X-Amz-Cf-Id", "abc"), "", ""},
		"token":           {setHeader("X-Amz-Security-Token", "abc"), AccessDenied, "not signed"},
		"no date":         {func(r *http.Request) { r.Header.Del("X-Amz-Date") }, AccessDenied, "Date or x-amz-date"},
		"bad date":        {setHeader("X-Amz-Date", "yesterday"), AccessDenied, "Date or x-amz-date"},
		"late":            {setHeader("X-Amz-Date", "20130524T001501Z"), RequestTimeTooSkewed, ""},
		"query too":       {setQuery("X-Amz-Algorithm=AWS4-HMAC-SHA256"), InvalidArgument, "Only one auth mechanism"},
		"bad query":       {setQuery("a=%zz"), InvalidURI, ""},
		"semicolon":       {setQuery("prefix=a;b"), InvalidURI, ""},
	})
}

func TestSpoiledAuthorizationHeadersAreRefusedAsS3Refuses(t *testing.T) {
	t.Parallel()
	checkSpoiled(t, map[string]spoiledHeader{
		"region":             {replaceAuth("us-east-1", "eu-west-1"), AuthorizationHeaderMalformed, "expecting \"us-east-1\""},
		"service":            {replaceAuth("/s3/", "/ec2/"), AuthorizationHeaderMalformed, "service"},
		"terminator":         {replaceAuth("aws4_request", "aws5_request"), AuthorizationHeaderMalformed, "terminal"},
		"scope's date":       {replaceAuth("20130524", "20130525"), AuthorizationHeaderMalformed, "Date is not the same"},
		"scope's date form":  {replaceAuth("20130524", "2013-524"), AuthorizationHeaderMalformed, "date format"},
		"credential":         {replaceAuth("/s3/aws4_request", ""), AuthorizationHeaderMalformed, "mal-formed"},
		"no credential":      {replaceAuth("Credential=", "Credentials="), AuthorizationHeaderMalformed, "missing Credential"},
		"no signature":       {replaceAuth("Signature=", "Sig="), AuthorizationHeaderMalformed, "missing Signature"},
		"no signed headers":  {replaceAuth("SignedHeaders=", "Headers="), AuthorizationHeaderMalformed, "missing SignedHeaders"},
		"two components":     {replaceAuth(", SignedHeaders=", ";"), AuthorizationHeaderMalformed, "three components"},
		"no equals sign":     {replaceAuth("SignedHeaders=", "SignedHeaders-"), AuthorizationHeaderMalformed, "component"},
		"signature's length": {replaceAuth("Signature=", "Signature=0"), SignatureDoesNotMatch, ""},
		"signature":          {replaceAuth("Signature=", "Signature=z"), SignatureDoesNotMatch, ""},
		"host not signed":    {replaceAuth("SignedHeaders=host;", "SignedHeaders="), AccessDenied, "not signed"},
		"header twice":       {replaceAuth("SignedHeaders=host;", "SignedHeaders=host;host;"), AuthorizationHeaderMalformed, "component"},
		"header in capitals": {replaceAuth("SignedHeaders=host;", "SignedHeaders=Host;"), AuthorizationHeaderMalformed, "component"},
		"no space":           {setHeader("Authorization", "invalid"), InvalidArgument, "one and only one"},
		"bearer":             {setHeader("Authorization", "Bearer abc"), InvalidArgument, "Unsupported Authorization Type"},
		"version 2":          {setHeader("Authorization", "AWS key:sig"), InvalidRequest, "AWS4-HMAC-SHA256"},
		"version 4A":         {replaceAuth("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"), InvalidRequest, "AWS4-HMAC-SHA256"},
	})
}

func TestSpoiledPresignedURLsAreRefusedAsS3Refuses(t *testing.T) {
	t.Parallel()
	set := func(name, value string) func(url.Values) { return func(q url.Values) { q.Set(name, value) } }
	for name, test := range map[string]struct {
		spoil func(url.Values)
		code  Code
		text  string
	}{
		"nothing":         {func(url.Values) {}, "", ""},
		"parameter added": {set("versionId", "1"), SignatureDoesNotMatch, ""},
		"longer life":     {set("X-Amz-Expires", "3601"), SignatureDoesNotMatch, ""},
		"too long":        {set("X-Amz-Expires", "604801"), AuthorizationQueryParametersError, "604800"},
		"negative":        {set("X-Amz-Expires", "-1"), AuthorizationQueryParametersError, "non-negative"},
		"nil":             {set("X-Amz-Expires", "0"), AccessDenied, "expired"},
		"no number":       {set("X-Amz-Expires", "1h"), AuthorizationQueryParametersError, "number"},
		"no expiry":       {func(q url.Values) { q.Del("X-Amz-Expires") }, AuthorizationQueryParametersError, "requires"},
		"no date":         {func(q url.Values) { q.Del("X-Amz-Date") }, AuthorizationQueryParametersError, "requires"},
		"no signature":    {func(q url.Values) { q.Del("X-Amz-Signature") }, AuthorizationQueryParametersError, "requires"},
		"no algorithm":    {func(q url.Values) { q.Del("X-Amz-Algorithm") }, AuthorizationQueryParametersError, "requires"},
		"4A":              {set("X-Amz-Algorithm", algorithmV4A), AuthorizationQueryParametersError, "only supports"},
		"other algorithm": {set("X-Amz-Algorithm", "SHA1"), AuthorizationQueryParametersError, "only supports"},
		"date":            {set("X-Amz-Date", "2013"), AuthorizationQueryParametersError, "ISO8601"},
		"other date":      {set("X-Amz-Date", "20130525T000000Z"), AuthorizationQueryParametersError, "not the same"},
		"region":          {set("X-Amz-Credential", docKey+"/20130524/here/s3/aws4_request"), AuthorizationQueryParametersError, "region"},
		"token":           {set("X-Amz-Security-Token", "abc"), InvalidToken, ""},
		"host unsigned":   {set("X-Amz-SignedHeaders", "range"), AccessDenied, "not signed"},
		"no header list":  {set("X-Amz-SignedHeaders", ";;"), AuthorizationQueryParametersError, "malformed"},
	} {
		r := presigned(t, "GET", "http://s3.local/bucket/key", time.Hour)
		q := r.URL.Query()
		test.spoil(q)
		r.URL.RawQuery = q.Encode()
		_, err := judge(docVerifier(), r)
		if got := codeOf(err); got != test.code || err != nil && !strings.Contains(err.Error(), test.text) {
			t.Errorf("%s: %v, want %s %q", name, err, test.code, test.text)
		}
	}
}

func TestClockDecidesOverPresignedURLs(t *testing.T) {
	t.Parallel()
	for after, want := range map[time.Duration]string{
		0: "", time.Hour: "", time.Hour + time.Second: "Request has expired", -10 * time.Minute: "", -16 * time.Minute: "not valid yet",
	} {
		v := NewVerifier(Verifier{Now: func() time.Time { return docTime.Add(after) }})
		_, err := judge(v, presigned(t, "GET", "http://s3.local/b/k", time.Hour))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s later: %v, want %q", after, err, want)
		}
	}
}

func TestSkewIsTakenBothWays(t *testing.T) {
	t.Parallel()
	for after, ok := range map[time.Duration]bool{
		15 * time.Minute: true, -15 * time.Minute: true, 15*time.Minute + time.Second: false, -15*time.Minute - time.Second: false,
	} {
		v := NewVerifier(Verifier{Now: func() time.Time { return docTime.Add(after) }})
		if _, err := judge(v, signed(t, "GET", "http://s3.local/b/k")); (err == nil) != ok {
			t.Errorf("%s: %v", after, err)
		}
	}
}

func TestForeignAuthorizationBesidePresignedURLIsIgnored(t *testing.T) {
	t.Parallel()
	r := presigned(t, "GET", "http://s3.local/b/k", time.Hour)
	r.Header.Set("Authorization", "Bearer of.the.app")
	if a, err := judge(docVerifier(), r); err != nil || a.Scheme != QueryV4 {
		t.Errorf("%v %v", a.Scheme, err)
	}
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=x")
	if _, err := judge(docVerifier(), r); codeOf(err) != InvalidArgument {
		t.Errorf("two proofs: %v", err)
	}
}

func TestHolderOfPresignedPutCannotAddSteeringHeaders(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"X-Amz-Copy-Source", "X-Amz-Acl", "X-Amz-Meta-A", "X-Amz-Tagging"} {
		r := presigned(t, "PUT", "http://s3.local/b/k", time.Hour)
		r.Header.Set(name, "x")
		if _, err := judge(docVerifier(), r); codeOf(err) != AccessDenied || !strings.Contains(err.Error(), "not signed") {
			t.Errorf("%s: %v", name, err)
		}
	}
	r := presigned(t, "PUT", "http://s3.local/b/k", time.Hour)
	r.Header.Set("X-Amz-Content-Sha256", emptySHA256) // harmless: the body is checked against it
	if a, err := judge(docVerifier(), r); err != nil || a.Payload != PayloadHash {
		t.Errorf("digest of the body: %v", err)
	}
}

func TestRequestWithoutProofIsAnonymous(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest("GET", "/b/k?versionId=1", nil)
	if a, err := judge(docVerifier(), r); err != nil || a.Scheme != Anonymous || a.AccessKey != "" {
		t.Errorf("%+v %v", a, err)
	}
	r.Header.Set("X-Amz-Content-Sha256", payloadSigned)
	if _, err := judge(docVerifier(), r); codeOf(err) != InvalidRequest {
		t.Errorf("signed chunks of nobody: %v", err)
	}
}

// S0-37: a URL made for one public name works under the others, path and host style.
func TestSignatureForAnyPublicNameIsAccepted(t *testing.T) {
	t.Parallel()
	v := docVerifier()
	v = NewVerifier(Verifier{Now: v.Now, Hosts: []string{"https://files.example.com", "media.example.org:8443", "[::1]:9000"}})
	for signedFor, received := range map[string]string{
		"files.example.com":             "127.0.0.1:9000",
		"files.example.com:9000":        "127.0.0.1:9000",
		"media.example.org:8443":        "10.0.0.7",
		"media.example.org":             "files.example.com:443",
		"files.example.com:443":         "files.example.com:443",
		"10.0.0.7":                      "10.0.0.7:80",
		"bucket.media.example.org:8443": "bucket.files.example.com",
		"[::1]:9000":                    "localhost",
	} {
		for _, r := range []*http.Request{
			presigned(t, "GET", "http://"+signedFor+"/k", time.Hour), signed(t, "GET", "http://"+signedFor+"/k"),
		} {
			r.Host = received
			if _, err := judge(v, r); err != nil {
				t.Errorf("signed for %s, received as %s: %v", signedFor, received, err)
			}
		}
	}
	for signedFor, received := range map[string]string{
		"evil.example.com": "files.example.com", "other.files.example.com": "bucket.files.example.com", "files.example.com": "bucket.files.example.com",
	} {
		r := presigned(t, "GET", "http://"+signedFor+"/k", time.Hour)
		r.Host = received
		if _, err := judge(v, r); codeOf(err) != SignatureDoesNotMatch {
			t.Errorf("signed for %s, received as %s: %v", signedFor, received, err)
		}
	}
}

func TestBucketIsFoundInTheHost(t *testing.T) {
	t.Parallel()
	v := NewVerifier(Verifier{Hosts: []string{"example.com", "https://s3.example.com/", "localhost:9000"}})
	for host, want := range map[string]string{
		"pics.example.com": "pics", "pics.s3.example.com:443": "pics", "s3.example.com": "", "example.com": "", "a.b.example.com": "a.b",
		"PICS.Example.com": "pics", "picsexample.com": "", "pics.localhost:9000": "pics", "127.0.0.1": "", ".example.com": "",
	} {
		if got := v.BucketOf(host); got != want {
			t.Errorf("%s: bucket %q, want %q", host, got, want)
		}
	}
}

// S0-37.
func TestOddPathsAreAccepted(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/b/a b", "/b/a+b", "/b/a%2Fb", "/b//", "/b/ü€😀", "/b/~-_.", "/b/(1)!*'", "/b/a%25b", "/b/a=b&c@d:e$f,g", "/"} {
		r := httptest.NewRequest("GET", "http://s3.local/", nil)
		u, err := url.Parse(strings.ReplaceAll(path, " ", "%20"))
		if err != nil {
			t.Fatal(err)
		}
		r.URL.Path, r.URL.RawPath = u.Path, u.RawPath
		if _, err := docSigner().SignHeader(r, ""); err != nil {
			t.Fatal(err)
		}
		r.URL.RawPath = "" // as another client would spell it
		if _, err := judge(docVerifier(), r); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestPathSignedAsSentIsAccepted(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest("GET", "http://s3.local/b/a+b(1)%2Fc", nil)
	r.Header.Set("X-Amz-Date", "20130524T000000Z")
	r.Header.Set("X-Amz-Content-Sha256", payloadUnsigned)
	c := canonicalRequest{r: r, host: r.Host, rawPath: "/b/a+b(1)%2Fc", signed: signableHeaders(r.Header), payload: payloadUnsigned}
	s := docSigner()
	r.Header.Set("Authorization", algorithmV4+" Credential="+docKey+"/"+s.scope(docTime)+",SignedHeaders="+c.signed+",Signature="+
		s.signCanonical(&c, docTime))
	if _, err := judge(docVerifier(), r); err != nil {
		t.Error(err)
	}
}

func TestMismatchTellsWhatWasSignedButNoSecrets(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest("GET", "http://s3.local/b/k", nil)
	r.Header.Set("X-Amz-Server-Side-Encryption-Customer-Key", "c2VjcmV0LWtleQ==")
	r.Header.Set("Cookie", "session=c2VjcmV0LWtleQ==")
	good, err := docSigner().SignHeader(r, emptySHA256)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), good, strings.Repeat("0", 64), 1))
	_, err = judge(docVerifier(), r)
	text := string(AsError(err).XML("/b/k", "id", "host"))
	for _, want := range []string{"<StringToSign>AWS4-HMAC-SHA256", "<CanonicalRequest>GET", "<AWSAccessKeyId>" + docKey, "[redacted]"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
	for _, no := range []string{good, docSecret, "c2VjcmV0LWtleQ==", spacedHex("c2VjcmV0LWtleQ==")} {
		if strings.Contains(text, no) {
			t.Errorf("%q is told in %s", no, text)
		}
	}
}

// The string to sign of the example in "Signing and Authenticating REST Requests" (version 2), with the query form.
func TestVersion2QueryIsAnOptIn(t *testing.T) {
	t.Parallel()
	at := time.Unix(1141889120, 0)
	target := "http://s3.amazonaws.com/johnsmith/photos/puppy.jpg?AWSAccessKeyId=" + docKey +
		"&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D&Expires=1175139620"
	v := NewVerifier(Verifier{SigV2: true, Now: func() time.Time { return at }})
	for method, want := range map[string]Code{"GET": "", "PUT": InvalidRequest} {
		if _, err := judge(v, httptest.NewRequest(method, target, nil)); codeOf(err) != want {
			t.Errorf("%s: %v", method, err)
		}
	}
	virtual := strings.Replace(target, "s3.amazonaws.com/johnsmith", "johnsmith.s3.amazonaws.com", 1)
	v.names = parseHosts([]string{"s3.amazonaws.com"})
	if _, err := judge(v, httptest.NewRequest("GET", virtual, nil)); err != nil {
		t.Errorf("bucket in the host: %v", err)
	}
	if _, err := judge(v, httptest.NewRequest("GET", target+"&response-content-type=text/html", nil)); codeOf(err) != SignatureDoesNotMatch {
		t.Errorf("parameter added: %v", err)
	}
	if _, err := judge(docVerifier(), httptest.NewRequest("GET", target, nil)); codeOf(err) != InvalidRequest {
		t.Errorf("without the opt-in: %v", err)
	}
	late := NewVerifier(Verifier{SigV2: true})
	if _, err := judge(late, httptest.NewRequest("GET", target, nil)); codeOf(err) != AccessDenied || !strings.Contains(err.Error(), "expired") {
		t.Errorf("after its time: %v", err)
	}
}

func TestSigningKeysAreCachedWithinBounds(t *testing.T) {
	t.Parallel()
	c := newSignKeys()
	for i := range maxSignKeys + 100 {
		k, cached := c.get(secret.New("s"), "20130524", strings.Repeat("r", i))
		if cached {
			t.Fatal("a new key came from the cache")
		}
		c.put(secret.New("s"), "20130524", strings.Repeat("r", i), k)
	}
	if len(c.m) > maxSignKeys {
		t.Errorf("%d keys are kept", len(c.m))
	}
	v := docVerifier()
	if _, err := judge(v, signed(t, "GET", "http://s3.local/b/k")); err != nil || len(v.keys.m) != 1 {
		t.Errorf("%v, %d keys", err, len(v.keys.m))
	}
}

func TestPresignRefusesImpossibleLives(t *testing.T) {
	t.Parallel()
	for _, d := range []time.Duration{0, time.Millisecond, 7*24*time.Hour + time.Second} {
		if _, err := docSigner().Presign(httptest.NewRequest("GET", "/b/k", nil), d); err == nil {
			t.Errorf("%s accepted", d)
		}
	}
	if _, err := (&Signer{}).Presign(httptest.NewRequest("GET", "/b/k", nil), time.Hour); err == nil {
		t.Error("signed without a key")
	}
}
