package fault

import (
	"fmt"
	"strings"
)

// Problem is one mistake in the configuration, as the package that owns the setting sees it.
type Problem struct {
	Key     string `json:"key"`            // dotted path below the root: "storage.s3.endpoint_url"
	Message string `json:"message"`        // the value (unless secret) and what is wrong with it
	Hint    string `json:"hint,omitempty"` // what to write instead
	File    string `json:"file,omitempty"` // filled in by package config
	Line    int    `json:"line,omitempty"` // 1-based; 0 when the value did not come from a file
}

// Problems collects the mistakes of a whole configuration. The zero value is ready to use.
type Problems []Problem

// Add appends a problem. The message is formatted like fmt.Sprintf.
func (p *Problems) Add(key, hint, format string, args ...any) {
	*p = append(*p, Problem{Key: key, Hint: hint, Message: fmt.Sprintf(format, args...)})
}

// Under returns the problems with prefix and a dot put before every key.
func (p Problems) Under(prefix string) Problems {
	out := make(Problems, len(p))
	for i, q := range p {
		q.Key = prefix + "." + q.Key
		out[i] = q
	}
	return out
}

// Err returns nil when there is no problem, else one Error of kind Config that lists all of them, a line each.
func (p Problems) Err() error {
	if len(p) == 0 {
		return nil
	}
	return &Error{Kind: Config, Code: "config_invalid", Err: p}
}

// Error lists the problems, a line each: place, key, message, and the hint behind an arrow.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, q := range p {
		lines[i] = q.String()
	}
	return strings.Join(lines, "\n")
}

// String returns "file:line: key: message → hint", leaving out what is not known.
func (q Problem) String() string {
	var b strings.Builder
	if q.File != "" {
		b.WriteString(q.File)
		if q.Line > 0 {
			fmt.Fprintf(&b, ":%d", q.Line)
		}
		b.WriteString(": ")
	}
	b.WriteString(q.Key + ": " + q.Message)
	if q.Hint != "" {
		b.WriteString(" → " + q.Hint)
	}
	return b.String()
}
