package s3wire

import (
	"io"
	"time"
)

// MaxXML is the longest document taken from a client, in bytes.
const MaxXML = 1 << 20

// Time is a time as S3 writes it in XML: UTC with milliseconds.
type Time struct{ time.Time }

// EncodeXML returns the document with its declaration, in S3's namespace.
func EncodeXML(v any) ([]byte, error) { panic("body follows") }

// DecodeXML reads a document of a client into one of the request types. MalformedXML when it is not well-formed, of
// another kind, or longer than MaxXML; MissingRequestBodyError when it is empty.
func DecodeXML(r io.Reader, v any) error { panic("body follows") }
