package objects

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	// maxKey is S3's limit of a key, in bytes.
	maxKey = 1024
	// maxHeaders bounds the JSON of an object's headers in bytes: it is part of the sidecar, whose size is limited.
	maxHeaders = 8 << 10
	// first is the least character that a key can hold: a key with it appended is the next text after that key.
	first = "\x01"
)

// last is above every key: as many of the highest character as a key can hold, and one more.
var last = strings.Repeat(string(utf8.MaxRune), maxKey/utf8.UTFMax+1)

// storable reports whether PostgreSQL can hold the text.
func storable(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

func checkKey(key string) error {
	if key == "" || len(key) > maxKey || !storable(key) {
		return fmt.Errorf("key %.60q: %w", key, ErrKeyInvalid)
	}
	return nil
}

// successor returns the least text that is above every text that starts with s, which is valid UTF-8: byte order is the
// order of code points there, so the last code point that can be raised is raised and what follows is cut off. "" means
// that there is none.
func successor(s string) string {
	for s != "" {
		r, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
		switch {
		case r == utf8.MaxRune:
			continue
		case r == 0xD7FF: // the surrogates that follow are no characters
			return s + "\uE000"
		}
		return s + string(r+1)
	}
	return ""
}

// above is successor for the end of a range of keys.
func above(prefix string) string {
	if end := successor(prefix); end != "" {
		return end
	}
	return last
}

func encodeHeaders(h Headers) (string, error) {
	for _, s := range []string{
		h.ContentType, h.ContentEncoding, h.ContentDisposition, h.ContentLanguage, h.CacheControl, h.Expires, h.Redirect,
	} {
		if !storable(s) {
			return "", fmt.Errorf("header %.60q: %w", s, ErrMetadataInvalid)
		}
	}
	text, err := encodeMap(h.User, h)
	if len(text) > maxHeaders {
		return "", fmt.Errorf("headers of %d bytes: %w", len(text), ErrMetadataTooLarge)
	}
	return text, err
}

// encodeTags returns nil for no tags.
func encodeTags(tags map[string]string) (*string, error) {
	if len(tags) == 0 {
		return nil, nil
	}
	text, err := encodeMap(tags, tags)
	return &text, err
}

// encodeMap encodes v as JSON if PostgreSQL can store all of m.
func encodeMap(m map[string]string, v any) (string, error) {
	for name, value := range m {
		if !storable(name) || !storable(value) {
			return "", fmt.Errorf("%.60q: %w", name, ErrMetadataInvalid)
		}
	}
	text, err := marshal(v)
	return string(text), err
}

// marshal encodes as JSON, without the escapes that only HTML needs.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
