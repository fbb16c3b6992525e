package s3wire

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

const oddKey = "a<b>&\"c'\t\r\nü\x01\xff😀"

func listing(n int) ListBucketResultV2 {
	l := ListBucketResultV2{Name: "bucket", Prefix: "p/", StartAfter: "s", MaxKeys: 1000, KeyCount: n, IsTruncated: true, NextContinuationToken: "t"}
	for range n {
		l.Contents = append(l.Contents, ObjectEntry{
			Key: "photos/2024/" + oddKey, LastModified: Time{time.Unix(1700000000, 5e8)}, ETag: `"d41d8cd98f00b204e9800998ecf8427e"`,
			ChecksumAlgorithm: CRC64NVME, ChecksumType: FullObject, Size: 12345, StorageClass: "STANDARD", Owner: &Owner{ID: "me"},
		})
	}
	l.CommonPrefixes = []CommonPrefix{{"x/"}, {oddKey}}
	return l
}

func TestListingsAreWrittenAsEncodingXMLWould(t *testing.T) {
	t.Parallel()
	two := listing(3)
	one := ListBucketResult{Name: "b", Marker: oddKey, Delimiter: "/", EncodingType: "url", Contents: two.Contents, CommonPrefixes: two.CommonPrefixes}
	one.Contents[1].Owner = nil
	for _, v := range []any{two, &two, one, &one, ListBucketResult{}, ListBucketResultV2{}} {
		var want bytes.Buffer
		want.WriteString(xml.Header)
		if err := xml.NewEncoder(&want).Encode(v); err != nil {
			t.Fatal(err)
		}
		got, err := EncodeXML(v)
		if err != nil || string(got) != want.String() {
			t.Errorf("%T:\n%s\nencoding/xml:\n%s\n%v", v, got, want.Bytes(), err)
		}
	}
}

func TestAnswersCarryS3sNamespaceAndNames(t *testing.T) {
	t.Parallel()
	size := int64(5)
	for want, v := range map[string]any{
		`<Tagging xmlns="` + Namespace + `"><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>`: Tagging{TagSet: TagSet{[]Tag{{"a", "b"}}}},
		`<LocationConstraint xmlns="` + Namespace + `">here</LocationConstraint>`:                               LocationConstraint{Region: "here"},
		`<VersioningConfiguration xmlns="` + Namespace + `"></VersioningConfiguration>`:                         &VersioningConfiguration{},
		`<ListVersionsResult xmlns="` + Namespace + `"><Name>b</Name><Prefix></Prefix><KeyMarker></KeyMarker><VersionIdMarker></VersionIdMarker>` +
			`<MaxKeys>0</MaxKeys><IsTruncated>false</IsTruncated><Version><Key>k</Key><VersionId>1</VersionId><IsLatest>true</IsLatest>` +
			`<LastModified>2023-11-14T22:13:20.000Z</LastModified><Size>5</Size></Version><DeleteMarker><Key>k</Key><VersionId>2</VersionId>` +
			`<IsLatest>false</IsLatest><LastModified>2023-11-14T22:13:20.000Z</LastModified></DeleteMarker></ListVersionsResult>`: ListVersionsResult{
			Name: "b", Entries: []VersionEntry{
				NewVersion(VersionEntry{Key: "k", VersionID: "1", IsLatest: true, LastModified: Time{time.Unix(1700000000, 0)}}, size),
				NewDeleteMarker(VersionEntry{Key: "k", VersionID: "2", LastModified: Time{time.Unix(1700000000, 0)}}),
			},
		},
		`<CopyPartResult xmlns="` + Namespace + `"><LastModified>2023-11-14T22:13:20.000Z</LastModified><ETag>&#34;e&#34;</ETag>` +
			`<ChecksumSHA256>OoSow5X4zTIPl27MtdFdYT+9O3C367C75+Cb2MFtRBc=</ChecksumSHA256></CopyPartResult>`: CopyPartResult{
			LastModified: Time{time.Unix(1700000000, 0)}, ETag: `"e"`,
			ChecksumElements: Checksum{Algorithm: SHA256, Sum: sumText(SHA256, "the object data")}.Elements(),
		},
		`<AccessControlPolicy xmlns="` + Namespace + `"><Owner><ID>me</ID></Owner><AccessControlList><Grant>` +
			`<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>me</ID></Grantee>` +
			`<Permission>FULL_CONTROL</Permission></Grant></AccessControlList></AccessControlPolicy>`: CannedACL(Owner{ID: "me"}, false),
	} {
		got, err := EncodeXML(v)
		if err != nil || string(got) != xml.Header+want {
			t.Errorf("%T:\n%s\nwant\n%s\n%v", v, got, want, err)
		}
	}
}

func TestRequestsAreReadWithAndWithoutNamespace(t *testing.T) {
	t.Parallel()
	for _, ns := range []string{"", ` xmlns="` + Namespace + `"`} {
		var d Delete
		text := `<?xml version="1.0"?> <Delete` + ns + `><Object><Key>a</Key><VersionId>1</VersionId><Size>5</Size></Object><Other/><Quiet>true</Quiet></Delete> `
		if err := DecodeXML(strings.NewReader(text), &d); err != nil || len(d.Objects) != 1 || !d.Quiet || *d.Objects[0].Size != 5 {
			t.Errorf("%+v %v", d, err)
		}
		var c CompleteMultipartUpload
		text = `<CompleteMultipartUpload` + ns + `><Part><ETag>"e"</ETag><PartNumber>1</PartNumber><ChecksumCRC32>NhCmhg==</ChecksumCRC32></Part></CompleteMultipartUpload>`
		if err := DecodeXML(strings.NewReader(text), &c); err != nil || c.Parts[0].PartNumber != 1 {
			t.Errorf("%+v %v", c, err)
		}
		if sum, err := c.Parts[0].Checksum(); err != nil || sum.Algorithm != CRC32 {
			t.Errorf("%v %v", sum, err)
		}
		var acl AccessControlPolicy
		text = `<AccessControlPolicy` + ns + `><Owner><ID>me</ID></Owner><AccessControlList><Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"` +
			` xsi:type="Group"><URI>` + AllUsers + `</URI></Grantee><Permission>READ</Permission></Grant></AccessControlList></AccessControlPolicy>`
		if err := DecodeXML(strings.NewReader(text), &acl); err != nil || acl.Grants[0].Grantee.Type != "Group" {
			t.Errorf("%+v %v", acl, err)
		}
		if public, ok := acl.IsPublicRead(); !public || !ok {
			t.Error("not public")
		}
	}
}

func TestDocumentsThatAreRefused(t *testing.T) {
	t.Parallel()
	object, part := `<Object><Key>k</Key></Object>`, `<Part><PartNumber>1</PartNumber></Part>`
	for name, test := range map[string]struct {
		text string
		into any
		code Code
	}{
		"empty":          {" \n", new(Delete), MissingRequestBody},
		"no xml":         {"hello", new(Delete), MalformedXML},
		"cut":            {"<Delete>" + object, new(Delete), MalformedXML},
		"two":            {"<Delete>" + object + "</Delete><Delete/>", new(Delete), MalformedXML},
		"text behind":    {"<Delete>" + object + "</Delete>x", new(Delete), MalformedXML},
		"another kind":   {"<Tagging></Tagging>", new(Delete), MalformedXML},
		"other kind":     {"<Delete></Delete>", new(Tagging), MalformedXML},
		"no objects":     {"<Delete></Delete>", new(Delete), MalformedXML},
		"no key":         {"<Delete><Object></Object></Delete>", new(Delete), InvalidArgument},
		"1000 objects":   {"<Delete>" + strings.Repeat(object, 1000) + "</Delete>", new(Delete), ""},
		"1001 objects":   {"<Delete>" + strings.Repeat(object, 1001) + "</Delete>", new(Delete), MalformedXML},
		"no parts":       {"<CompleteMultipartUpload/>", new(CompleteMultipartUpload), MalformedXML},
		"part 0":         {"<CompleteMultipartUpload><Part/></CompleteMultipartUpload>", new(CompleteMultipartUpload), InvalidArgument},
		"part twice":     {"<CompleteMultipartUpload>" + part + part + "</CompleteMultipartUpload>", new(CompleteMultipartUpload), InvalidPartOrder},
		"part no number": {"<CompleteMultipartUpload><Part><PartNumber>x</PartNumber></Part></CompleteMultipartUpload>", new(CompleteMultipartUpload), MalformedXML},
		"status":         {"<VersioningConfiguration><Status>On</Status></VersioningConfiguration>", new(VersioningConfiguration), MalformedXML},
		"no rules":       {"<CORSConfiguration/>", new(CORSConfiguration), MalformedXML},
		"bad method":     {"<CORSConfiguration><CORSRule><AllowedMethod>PATCH</AllowedMethod><AllowedOrigin>*</AllowedOrigin></CORSRule></CORSConfiguration>", new(CORSConfiguration), InvalidRequest},
		"two wildcards":  {"<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*.*</AllowedOrigin></CORSRule></CORSConfiguration>", new(CORSConfiguration), InvalidRequest},
		"too long":       {"<Tagging>" + strings.Repeat(" ", MaxXML) + "</Tagging>", new(Tagging), MaxMessageLengthExceeded},
		"entity bomb":    {`<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa">]><Delete><Object><Key>&a;</Key></Object></Delete>`, new(Delete), MalformedXML},
	} {
		if err := DecodeXML(strings.NewReader(test.text), test.into); codeOf(err) != test.code {
			t.Errorf("%s: %v, want %q", name, err, test.code)
		}
	}
	wrong := BadDigest.New()
	if err := DecodeXML(iotest.ErrReader(wrong), new(Delete)); !errors.Is(err, wrong) {
		t.Errorf("digest: %v", err)
	}
}

func TestURLEncodingReachesEveryKey(t *testing.T) {
	t.Parallel()
	l := listing(2)
	l.URLEncode()
	v := ListVersionsResult{Prefix: "a b", Entries: []VersionEntry{{Key: "a b"}}, CommonPrefixes: []CommonPrefix{{"a b"}}}
	v.URLEncode()
	u := ListMultipartUploadsResult{Prefix: "a b", Uploads: []UploadEntry{{Key: "a b"}}}
	u.URLEncode()
	for _, got := range []string{v.Prefix, v.Entries[0].Key, v.CommonPrefixes[0].Prefix, u.Prefix, u.Uploads[0].Key} {
		if got != "a+b" {
			t.Errorf("%q", got)
		}
	}
	text, _ := EncodeXML(l)
	if bytes.ContainsRune(text, '\uFFFD') || !bytes.Contains(text, []byte("%01%FF%F0%9F%98%80")) {
		t.Errorf("%s", text)
	}
}

func TestErrorDocument(t *testing.T) {
	t.Parallel()
	err := NoSuchKey.New().With("Key", "a<b\x01").Because(io.ErrUnexpectedEOF)
	want := xml.Header + "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message><Key>a&lt;b\uFFFD</Key>" +
		"<Resource>/b/a</Resource><RequestId>R</RequestId><HostId>H</HostId></Error>"
	if got := string(err.XML("/b/a", "R", "H")); got != want {
		t.Errorf("%s", got)
	}
	if !errors.Is(err, NoSuchKey.New()) || errors.Is(err, NoSuchBucket.New()) || !errors.Is(err, io.ErrUnexpectedEOF) || err.Status != 404 {
		t.Errorf("%v %d", err, err.Status)
	}
	hidden := AsError(errors.New("password=hunter2"))
	if hidden.Code != InternalError || bytes.Contains(hidden.XML("", "", ""), []byte("hunter2")) || !strings.Contains(hidden.Error(), "hunter2") {
		t.Errorf("%v", hidden)
	}
	if e := InvalidRequest.Newf("because: %w", io.EOF); !errors.Is(e, io.EOF) || e.Error() != "InvalidRequest: because: EOF" || e.WithStatus(409).Status != 409 {
		t.Errorf("%v", e)
	}
}

func TestEveryCodeHasStatusAndMessage(t *testing.T) {
	t.Parallel()
	for code, fact := range codes {
		if code.Status() < 300 || code.Message() == "" || fact.status != code.Status() {
			t.Errorf("%s: %d %q", code, code.Status(), code.Message())
		}
	}
	if Code("Unheard").Status() != 500 {
		t.Error("unknown code")
	}
}
