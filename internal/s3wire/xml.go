package s3wire

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"reflect"
	"time"
)

// MaxXML is the longest document taken from a client, in bytes. The two long ones, CompleteMultipartUpload with 10000
// parts and their checksums and DeleteObjects with 1000 keys of full length that need escaping, may have MaxLongXML.
const (
	MaxXML     = 1 << 20
	MaxLongXML = 4 << 20
)

// Namespace is that of all of S3's documents but errors.
const Namespace = "http://s3.amazonaws.com/doc/2006-03-01/"

// timeLayout is how S3 writes times in XML.
const timeLayout = "2006-01-02T15:04:05.000Z"

// Time is a time as S3 writes it in XML: UTC with milliseconds.
type Time struct{ time.Time }

// MarshalText implements encoding.TextMarshaler.
func (t Time) MarshalText() ([]byte, error) {
	return t.UTC().AppendFormat(nil, timeLayout), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *Time) UnmarshalText(b []byte) (err error) {
	t.Time, err = time.Parse(time.RFC3339, string(b))
	return err
}

// EncodeXML returns the document with its declaration, in S3's namespace. v is one of the types of this package, or a
// pointer to one.
func EncodeXML(v any) ([]byte, error) {
	if e, ok := v.(appender); ok {
		return e.appendXML(append(make([]byte, 0, 4096), xml.Header...)), nil
	}
	var b bytes.Buffer
	b.WriteString(xml.Header)
	if err := xml.NewEncoder(&b).Encode(inNamespace(v)); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// appender is a document that is written often and long enough to write itself.
type appender interface{ appendXML(dst []byte) []byte }

// inNamespace sets the field Xmlns of types that are read with and without a namespace.
func inNamespace(v any) any {
	p := reflect.ValueOf(v)
	if p.Kind() == reflect.Pointer {
		p = p.Elem()
	}
	if p.Kind() != reflect.Struct || !p.FieldByName("Xmlns").IsValid() {
		return v
	}
	c := reflect.New(p.Type()).Elem()
	c.Set(p)
	c.FieldByName("Xmlns").SetString(Namespace)
	return c.Interface()
}

// DecodeXML reads a document of a client into one of the request types. MalformedXML when it is not well-formed, of
// another kind, or holds more than S3 allows; MaxMessageLengthExceeded when it is too long;
// MissingRequestBodyError when it is empty. Errors of r that are S3 errors (a wrong digest) are returned as they are.
func DecodeXML(r io.Reader, v any) error {
	limit := MaxXML
	switch v.(type) {
	case *Delete, *CompleteMultipartUpload:
		limit = MaxLongXML // they stop at the first item too many
	}
	text, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	switch {
	case err != nil:
		return err
	case len(text) > limit:
		return MaxMessageLengthExceeded.New()
	case len(bytes.TrimSpace(text)) == 0:
		return MissingRequestBody.New()
	}
	d := xml.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(v); err != nil {
		return malformed(err)
	}
	if err := onlySpace(d); err != nil {
		return malformed(err)
	}
	if c, ok := v.(checker); ok {
		return c.check()
	}
	return nil
}

// checker is a request that has rules beyond its form.
type checker interface{ check() error }

func malformed(err error) error { return MalformedXML.New().Because(err) }

var errTrailing = errors.New("something follows the document")

// onlySpace checks that nothing but white space and comments follows the document.
func onlySpace(d *xml.Decoder) error {
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.Comment, xml.ProcInst:
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				return errTrailing
			}
		default:
			return errTrailing
		}
	}
}
