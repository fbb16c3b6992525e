package s3wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"holdfast/internal/secret"
)

// formRequest makes the request that a browser sends: fields, then the file, then more.
func formRequest(t testing.TB, fields map[string]string, file string) *http.Request {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for name, value := range fields {
		if err := w.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}
	part, err := w.CreateFormFile("file", "pictures/me.png")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(part, file)
	_ = w.WriteField("late", "ignored")
	_ = w.Close()
	r := httptest.NewRequest("POST", "/bucket", &b)
	r.Header.Set("Content-Type", w.FormDataContentType())
	return r
}

func readForm(t testing.TB, fields map[string]string, file string) *Form {
	t.Helper()
	f, err := ReadForm(formRequest(t, fields, file))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// The example of "Authenticating Requests in Browser-Based Uploads Using POST": its policy, as published in base64.
const docPolicy = "eyAiZXhwaXJhdGlvbiI6ICIyMDE1LTEyLTMwVDEyOjAwOjAwLjAwMFoiLA0KICAiY29uZGl0aW9ucyI6IFsNCiAgICB7ImJ1Y2tldCI6ICJzaWd2NGV4YW1wbGVidWNrZXQifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRrZXkiLCAidXNlci91c2VyMS8iXSwNCiAgICB7ImFjbCI6ICJwdWJsaWMtcmVhZCJ9LA0KICAgIHsic3VjY2Vzc19hY3Rpb25fcmVkaXJlY3QiOiAiaHR0cDovL3NpZ3Y0ZXhhbXBsZWJ1Y2tldC5zMy5hbWF6b25hd3MuY29tL3N1Y2Nlc3NmdWxfdXBsb2FkLmh0bWwifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRDb250ZW50LVR5cGUiLCAiaW1hZ2UvIl0sDQogICAgeyJ4LWFtei1tZXRhLXV1aWQiOiAiMTQzNjUxMjM2NTEyNzQifSwNCiAgICB7IngtYW16LXNlcnZlci1zaWRlLWVuY3J5cHRpb24iOiAiQUVTMjU2In0sDQogICAgWyJzdGFydHMtd2l0aCIsICIkeC1hbXotbWV0YS10YWciLCAiIl0sDQoNCiAgICB7IngtYW16LWNyZWRlbnRpYWwiOiAiQUtJQUlPU0ZPRE5ON0VYQU1QTEUvMjAxNTEyMjkvdXMtZWFzdC0xL3MzL2F3czRfcmVxdWVzdCJ9LA0KICAgIHsieC1hbXotYWxnb3JpdGhtIjogIkFXUzQtSE1BQy1TSEEyNTYifSwNCiAgICB7IngtYW16LWRhdGUiOiAiMjAxNTEyMjlUMDAwMDAwWiIgfQ0KICBdDQp9"

func TestPublishedPostPolicyIsAccepted(t *testing.T) {
	t.Parallel()
	fields := map[string]string{
		"key": "user/user1/${filename}", "acl": "public-read", "Content-Type": "image/jpeg", "x-amz-meta-uuid": "14365123651274",
		"success_action_redirect":      "http://sigv4examplebucket.s3.amazonaws.com/successful_upload.html",
		"x-amz-server-side-encryption": "AES256", "X-Amz-Credential": docKey + "/20151229/us-east-1/s3/aws4_request",
		"X-Amz-Algorithm": algorithmV4, "X-Amz-Date": "20151229T000000Z", "x-amz-meta-tag": "", "Policy": docPolicy,
		"X-Amz-Signature": "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e",
	}
	f := readForm(t, fields, "picture")
	at := time.Date(2015, 12, 29, 1, 0, 0, 0, time.UTC)
	v := NewVerifier(Verifier{Now: func() time.Time { return at }})
	a, err := v.ParseForm(f)
	if err != nil || a.Scheme != FormV4 || a.AccessKey != docKey {
		t.Fatal(a, err)
	}
	if err := v.VerifyForm(f, &a, secret.New(docSecret)); err != nil {
		t.Fatal(err)
	}
	if err := v.VerifyForm(f, &a, secret.New("another")); codeOf(err) != SignatureDoesNotMatch {
		t.Errorf("another key: %v", err)
	}
	p, err := f.Policy()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Check(f, "sigv4examplebucket", at); err != nil {
		t.Error(err)
	}
	if err := p.Check(f, "another", at); codeOf(err) != AccessDenied {
		t.Errorf("another bucket: %v", err)
	}
	if err := p.Check(f, "sigv4examplebucket", at.AddDate(0, 0, 2)); codeOf(err) != AccessDenied {
		t.Errorf("too late: %v", err)
	}
	if f.Key() != "user/user1/me.png" || f.FileName != "me.png" {
		t.Errorf("key %q, file %q", f.Key(), f.FileName)
	}
	if status, u := f.Success(); status != http.StatusSeeOther || u.Host != "sigv4examplebucket.s3.amazonaws.com" {
		t.Errorf("%d %v", status, u)
	}
}

func TestOurOwnPolicyIsAccepted(t *testing.T) {
	t.Parallel()
	fields, err := docSigner().SignPolicy(PolicyBuilder{
		Expiration: docTime.Add(time.Hour), Bucket: "bucket", KeyPrefix: "in/", MinSize: 2, MaxSize: 6,
		Equal: map[string]string{"acl": "private"}, StartsWith: map[string]string{"Content-Type": "text/"},
	})
	if err != nil {
		t.Fatal(err)
	}
	fields["key"], fields["Content-Type"] = "in/a.txt", "text/plain"
	for file, want := range map[string]Code{"hello": "", "x": EntityTooSmall, "hello, you": EntityTooLarge} {
		f := readForm(t, fields, file)
		a, err := docVerifier().ParseForm(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := docVerifier().VerifyForm(f, &a, secret.New(docSecret)); err != nil {
			t.Fatal(err)
		}
		p, err := f.Policy()
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Check(f, "bucket", docTime); err != nil {
			t.Fatal(err)
		}
		b, err := f.Body(p, BodyOptions{MD5: true})
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(b)
		if codeOf(err) != want || want == "" && string(data) != file {
			t.Errorf("%q: %q, %v", file, data, err)
		}
	}
	again, err := docSigner().PostPolicy([]byte(`{}`))
	if err != nil || len(again) != 5 || again["policy"] != "e30=" {
		t.Errorf("%v %v", again, err)
	}
}

func TestFormsWithoutFullProofAreRefused(t *testing.T) {
	t.Parallel()
	full, err := docSigner().SignPolicy(PolicyBuilder{Expiration: docTime.Add(time.Hour), Bucket: "bucket", Key: "k"})
	if err != nil {
		t.Fatal(err)
	}
	with := func(name, value string) map[string]string {
		m := maps.Clone(full)
		if m[name] = value; value == "" {
			delete(m, name)
		}
		return m
	}
	for name, test := range map[string]struct {
		fields map[string]string
		text   string
	}{
		"no policy":     {with("policy", ""), "named 'policy'"},
		"no signature":  {with("x-amz-signature", ""), "named 'x-amz-signature'"},
		"algorithm":     {with("x-amz-algorithm", "x"), "Only AWS4-HMAC-SHA256"},
		"date":          {with("x-amz-date", "x"), "ISO8601"},
		"other date":    {with("x-amz-date", "20130523T000000Z"), "not the same"},
		"credential":    {with("x-amz-credential", "x"), "mal-formed"},
		"region":        {with("x-amz-credential", docKey+"/20130524/here/s3/aws4_request"), "region"},
		"token":         {with("x-amz-security-token", "x"), "token"},
		"version 2":     {map[string]string{"AWSAccessKeyId": "a", "signature": "b"}, "not supported"},
		"bad signature": {with("x-amz-signature", "incorrect"), "does not match"},
		"bad policy":    {with("policy", "e30="), "does not match"},
	} {
		f := readForm(t, test.fields, "x")
		a, err := docVerifier().ParseForm(f)
		if err == nil {
			err = docVerifier().VerifyForm(f, &a, secret.New(docSecret))
		}
		if err == nil || !strings.Contains(err.Error(), test.text) {
			t.Errorf("%s: %v, want %q", name, err, test.text)
		}
	}
	if a, err := docVerifier().ParseForm(readForm(t, map[string]string{"key": "k"}, "x")); err != nil || a.Scheme != Anonymous {
		t.Errorf("no proof: %v %v", a.Scheme, err)
	}
	week := docTime.Add(8 * 24 * time.Hour)
	late := NewVerifier(Verifier{Now: func() time.Time { return week }})
	if _, err := late.ParseForm(readForm(t, full, "x")); codeOf(err) != AccessDenied {
		t.Errorf("after the signing key's week: %v", err)
	}
}

func TestPolicyConditions(t *testing.T) {
	t.Parallel()
	base := map[string]string{"key": "a/b"}
	for name, test := range map[string]struct {
		conditions string
		fields     map[string]string
		text       string // of the refusal; "" when allowed
	}{
		"exact":               {`[{"bucket":"b"},{"key":"a/b"}]`, base, ""},
		"list form":           {`[["eq","$bucket","b"],["starts-with","$key","a/"]]`, base, ""},
		"names in any case":   {`[{"Bucket":"b"},["EQ","$KEY","a/b"]]`, base, ""},
		"values exactly":      {`[{"bucket":"b"},{"key":"A/b"}]`, base, `["eq", "$key", "A/b"]`},
		"other key":           {`[{"bucket":"b"},["eq","$key","x"]]`, base, `["eq","$key","x"]`},
		"other prefix":        {`[{"bucket":"b"},["starts-with","$key","x"]]`, base, "failed"},
		"any key":             {`[{"bucket":"b"},["starts-with","$key",""]]`, base, ""},
		"key not covered":     {`[{"bucket":"b"}]`, base, "Extra input fields: key"},
		"bucket not covered":  {`[{"key":"a/b"}]`, base, "Extra input fields: bucket"},
		"no dollar sign":      {`[{"bucket":"b"},["eq","key","a/b"]]`, base, `["eq","key","a/b"]`},
		"field not sent":      {`[{"bucket":"b"},{"key":"a/b"},{"acl":"private"}]`, base, "failed"},
		"extra field":         {`[{"bucket":"b"},{"key":"a/b"}]`, map[string]string{"key": "a/b", "acl": "x"}, "Extra input fields: acl"},
		"ignored field":       {`[{"bucket":"b"},{"key":"a/b"}]`, map[string]string{"key": "a/b", "x-ignore-me": "x"}, ""},
		"bucket of the form":  {`[{"bucket":"b"},{"key":"a/b"}]`, map[string]string{"key": "a/b", "bucket": "other"}, ""},
		"types, all":          {`[{"bucket":"b"},{"key":"a/b"},["starts-with","$Content-Type","image/"]]`, map[string]string{"key": "a/b", "Content-Type": "image/png, image/gif"}, ""},
		"types, one of other": {`[{"bucket":"b"},{"key":"a/b"},["starts-with","$Content-Type","image/"]]`, map[string]string{"key": "a/b", "Content-Type": "image/png,text/html"}, "failed"},
	} {
		document := fmt.Sprintf(`{"expiration":"2013-05-25T00:00:00Z","conditions":%s}`, test.conditions)
		p, err := ParsePolicy(base64.StdEncoding.EncodeToString([]byte(document)))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		err = p.Check(readForm(t, test.fields, "x"), "b", docTime)
		if test.text == "" && err != nil || test.text != "" && (err == nil || !strings.Contains(err.Error(), test.text)) {
			t.Errorf("%s: %v, want %q", name, err, test.text)
		}
	}
}

func TestSenselessPoliciesAreRefused(t *testing.T) {
	t.Parallel()
	const exp = `"expiration":"2013-05-25T00:00:00Z"`
	for document, text := range map[string]string{
		`{"conditions":[]}`:                                           "missing expiration",
		`{"expiration":true,"conditions":[]}`:                         "Invalid JSON",
		`{"expiration":"soon","conditions":[]}`:                       "'soon'",
		`{` + exp + `}`:                                               "missing conditions",
		`{` + exp + `,"conditions":true}`:                             "must be a List",
		`{` + exp + `,"conditions":[true]}`:                           "must be a List or Object",
		`{` + exp + `,"conditions":[[]]}`:                             "missing operation",
		`{` + exp + `,"conditions":[["is","$key","a"]]}`:              "unknown operation 'is'",
		`{` + exp + `,"conditions":[["eq","$key"]]}`:                  "wrong number",
		`{` + exp + `,"conditions":[["eq","$key",1]]}`:                "Invalid JSON",
		`{` + exp + `,"conditions":[["content-length-range","a",1]]}`: "Invalid JSON",
		`{` + exp + `,"conditions":[["content-length-range",-1,1]]}`:  "Invalid JSON",
		`{` + exp + `,"conditions":[["content-length-range",1.5,2]]}`: "Invalid JSON",
		`{` + exp + `,"conditions":[{"a":"b","c":"d"}]}`:              "exactly one",
		`{` + exp + `,"conditions":[{}]}`:                             "exactly one",
		`{` + exp + `,"conditions":[{"a":1}]}`:                        "must be a string",
		`{` + exp + `,"conditions":[],"more":1}`:                      `Unexpected: "more"`,
		`nonsense`:                                                    "Invalid JSON",
		`[]`:                                                          "Invalid JSON",
	} {
		_, err := ParsePolicy(base64.StdEncoding.EncodeToString([]byte(document)))
		if codeOf(err) != InvalidPolicyDocument || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v, want %q", document, err, text)
		}
	}
	for _, text := range []string{"", "no_base64"} {
		if _, err := ParsePolicy(text); codeOf(err) != InvalidPolicyDocument {
			t.Errorf("%q: %v", text, err)
		}
	}
	p, err := ParsePolicy(base64.StdEncoding.EncodeToString([]byte(`{` + exp +
		`,"conditions":[["content-length-range",1,"10"],["content-length-range",5,20]]}`)))
	if err != nil || p.MinSize != 5 || p.MaxSize != 10 {
		t.Errorf("two ranges: %+v %v", p, err)
	}
}

func TestBrokenFormsAreRefused(t *testing.T) {
	t.Parallel()
	const kind = "multipart/form-data; boundary=b"
	for name, test := range map[string]struct {
		kind, body string
		code       Code
	}{
		"json":           {"application/json", "{}", PreconditionFailed},
		"no boundary":    {"multipart/form-data", "x", MalformedPOSTRequest},
		"no parts":       {kind, "--b--\r\n", InvalidArgument},
		"no file":        {kind, "--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nk\r\n--b--\r\n", InvalidArgument},
		"cut":            {kind, "--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nk", MalformedPOSTRequest},
		"no multipart":   {kind, "hello", InvalidArgument},
		"long field":     {kind, "--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\n" + strings.Repeat("k", 30<<10) + "\r\n--b--\r\n", MaxPostPreDataLengthExceeded},
		"endless header": {kind, "--b\r\nX: " + strings.Repeat("k", 1<<20), MaxPostPreDataLengthExceeded},
	} {
		r := httptest.NewRequest("POST", "/b", strings.NewReader(test.body))
		r.Header.Set("Content-Type", test.kind)
		if _, err := ReadForm(r); codeOf(err) != test.code {
			t.Errorf("%s: %v, want %s", name, err, test.code)
		}
	}
}

func TestFormFieldsBecomeHeaders(t *testing.T) {
	t.Parallel()
	f := readForm(t, map[string]string{
		"Key": "k", "acl": "private", "Content-Type": "text/plain", "X-Amz-Meta-A": "1", "policy": "x", "x-amz-signature": "y", "other": "z",
		"x-amz-checksum-crc32": "NhCmhg==",
	}, "hello")
	got, _ := json.Marshal(f.Header())
	want := `{"Content-Type":["text/plain"],"X-Amz-Acl":["private"],"X-Amz-Checksum-Crc32":["NhCmhg=="],"X-Amz-Meta-A":["1"]}`
	if string(got) != want {
		t.Errorf("headers %s", got)
	}
	b, err := f.Body(nil, BodyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if data, err := io.ReadAll(b); err != nil || string(data) != "hello" || b.Checksum().Algorithm != CRC32 {
		t.Errorf("%q %v %v", data, err, b.Checksum())
	}
	for value, want := range map[string]int{"200": 200, "201": 201, "204": 204, "": 204, "500": 204} {
		if status, u := readForm(t, map[string]string{"success_action_status": value, "redirect": "javascript:x"}, "").Success(); status != want || u != nil {
			t.Errorf("%q: %d %v", value, status, u)
		}
	}
}
