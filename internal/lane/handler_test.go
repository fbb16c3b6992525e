package lane

import (
	"bytes"
	"net/http"
	"testing"
)

// A value from a stranger's upload cannot begin another line: the same rule as net/http's.
func TestAValueCannotBreakALine(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"", "a", " a\t", "a\r\nSet-Cookie: b", "\r\n\r\nbody", "a\n", "a\rb", "\n"} {
		var r Reply
		r.Header("X-Name", value)
		var want bytes.Buffer
		if err := (http.Header{"X-Name": {value}}).Write(&want); err != nil {
			t.Fatal(err)
		}
		if string(r.Written()) != want.String() {
			t.Errorf("%q is written %q, by net/http %q", value, r.Written(), want.String())
		}
	}
}
