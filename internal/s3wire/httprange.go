package s3wire

// Range is a part of an object.
type Range struct {
	Offset, Length int64 // bytes
}

// ContentRange returns the header Content-Range: "bytes 0-9/100".
func (r Range) ContentRange(size int64) string { panic("body follows") }

// ParseRange reads a Range header for an object of the given size. ok is false when the header is absent, malformed or
// asks for several ranges: the whole object is sent then. InvalidRange when no byte of the range exists.
func ParseRange(header string, size int64) (r Range, ok bool, err error) { panic("body follows") }

// ParseCopyRange reads x-amz-copy-source-range, which must be bytes=first-last inside the object; "" is all of it.
func ParseCopyRange(header string, size int64) (Range, error) { panic("body follows") }
