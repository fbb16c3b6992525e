package s3wire

import (
	"strconv"
	"strings"
)

// Range is a part of an object.
type Range struct {
	Offset, Length int64 // bytes
}

// ContentRange returns the header Content-Range: "bytes 0-9/100".
func (r Range) ContentRange(size int64) string {
	n := func(v int64) string { return strconv.FormatInt(v, 10) }
	return "bytes " + n(r.Offset) + "-" + n(r.Offset+r.Length-1) + "/" + n(size)
}

// ParseRange reads a Range header for an object of the given size. ok is false when the header is absent, malformed or
// asks for several ranges: the whole object is sent then. InvalidRange when no byte of the range exists.
func ParseRange(header string, size int64) (r Range, ok bool, err error) {
	first, last, ok := splitRange(header)
	if !ok {
		return Range{}, false, nil
	}
	if first < 0 { // suffix: the last so many bytes
		first = max(size-last, 0)
		if last == 0 {
			return Range{}, false, unsatisfiable(header, size)
		}
		if size == 0 { // S3 sends the empty whole
			return Range{}, false, nil
		}
		last = size - 1
	}
	if first >= size {
		return Range{}, false, unsatisfiable(header, size)
	}
	return Range{first, min(last, size-1) - first + 1}, true, nil
}

func unsatisfiable(header string, size int64) *Error {
	return InvalidRange.New().With("RangeRequested", header).With("ActualObjectSize", strconv.FormatInt(size, 10))
}

// splitRange reads "bytes=first-last", "bytes=first-" (last is the highest number) or "bytes=-suffix" (first is -1).
func splitRange(header string) (first, last int64, ok bool) {
	unit, spec, _ := strings.Cut(header, "=")
	if !strings.EqualFold(strings.TrimSpace(unit), "bytes") {
		return 0, 0, false
	}
	from, to, ok := strings.Cut(spec, "-")
	first, last = -1, 1<<63-1
	if !ok || from == "" && to == "" {
		return 0, 0, false
	}
	if from != "" {
		if first, ok = rangeNumber(from); !ok {
			return 0, 0, false
		}
	}
	if to != "" {
		if last, ok = rangeNumber(to); !ok {
			return 0, 0, false
		}
	}
	return first, last, first <= last || first < 0
}

// rangeNumber reads digits only. A number that overflows is beyond any object.
func rangeNumber(s string) (int64, bool) {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 1<<63 - 1, s != ""
	}
	return n, true
}

// ParseCopyRange reads x-amz-copy-source-range, which must be bytes=first-last inside the object; "" is all of it.
func ParseCopyRange(header string, size int64) (Range, error) {
	if header == "" {
		return Range{0, size}, nil
	}
	text, ok := strings.CutPrefix(header, "bytes=")
	from, to, dash := strings.Cut(text, "-")
	first, ok1 := rangeNumber(from)
	last, ok2 := rangeNumber(to)
	if !ok || !dash || !ok1 || !ok2 || from == "" || to == "" || first > last {
		return Range{}, argument("x-amz-copy-source-range", header, "The x-amz-copy-source-range value must be of the form "+
			"bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy")
	}
	if last >= size {
		return Range{}, argument("x-amz-copy-source-range", header, "Range specified is not valid for source object of size: %d", size)
	}
	return Range{first, last - first + 1}, nil
}
